# Wrong answers to lesson 15a, with a part of what a check says to each.

# exercise 1: expected the first and the third row to be good
def encode_good(frame, features, found):
    good = np.ones(len(frame), dtype="bool")
    try:
        return good, *encode_frame(frame, features), list(found)
    except RowsError as error:
        return ~good, *encode_frame(frame[:0], features), list(found) + error.problems

# exercise 1: expected problems in rows 2 and 4
def encode_good(frame, features, found):
    problems = list(found)
    for name, column in features.columns.items():
        wrong = [each for each in read_series(frame[name], column)[1] if each.reason != "unknown"]
        problems += [each._replace(row=each.row - 1) for each in wrong]
    good = np.ones(len(frame), dtype="bool")
    good[[problem.row for problem in problems]] = False
    return good, *encode_frame(frame[good], features), problems

# exercise 1: expected the first and the third row to be good
def encode_good(frame, features, found):
    problems = list(found)
    for name, column in features.columns.items():
        problems += read_series(frame[name], column)[1]
    good = np.ones(len(frame), dtype="bool")
    good[[problem.row - 1 for problem in problems]] = False
    return good, *encode_frame(frame[good], features), problems

# exercise 1: RowsError keeps a thousand
def encode_good(frame, features, found):
    good, problems = np.ones(len(frame), dtype="bool"), list(found)
    while True:
        good[[problem.row - 1 for problem in problems]] = False
        try:
            return good, *encode_frame(frame[good], features), problems
        except RowsError as error:
            places = np.flatnonzero(good)
            problems += [each._replace(row=int(places[each.row - 1]) + 1) for each in error.problems]
            good[[problem.row - 1 for problem in problems]] = False
            return good, *encode_frame(frame[:0], features), problems[:1000]

# exercise 1: the missing number of row 1 is the text
def encode_good(frame, features, found):
    problems = list(found)
    for name, column in features.columns.items():
        wrong = read_series(frame[name], column)[1]
        problems += [each for each in wrong if each.reason != "unknown"]
    good = np.ones(len(frame), dtype="bool")
    good[[problem.row - 1 for problem in problems]] = False
    return good, *encode_frame(frame[good], features), problems

# exercise 1: expected one good row, the second
def encode_good(frame, features, found):
    seen, problems = {problem[:2] for problem in found}, []
    for name, column in features.columns.items():
        wrong = read_series(frame[name], column)[1]
        wrong = [each for each in wrong if each.reason != "unknown"]
        problems += [each for each in wrong if each[:2] not in seen]
    good = np.ones(len(frame), dtype="bool")
    good[[problem.row - 1 for problem in problems]] = False
    return good, *encode_frame(frame.fillna(1)[good], features), [*found, *problems]

# exercise 2: and without a plan all of them have no crew
def may_plan(read, rejected):
    return rejected.sum() == 0 and read.sum() > 0

# exercise 2: all of it is one airport
def may_plan(read, rejected):
    return bool(read.sum() > 0 and rejected.sum() / read.sum() <= 0.05)

# exercise 2: however high its risk
def may_plan(read, rejected):
    return bool(read.min() > 0 and (rejected < read).all())

# exercise 2: the delivery has not come
def may_plan(read, rejected):
    return not (rejected > 0.05 * read).any()
