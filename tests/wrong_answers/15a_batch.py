# Wrong answers to lesson 15a, with a part of what a check says to each.

# exercise 1: expected the first and the third row to be good
def encode_good(columns, features, found):
    read, more, warnings = read_columns(columns, features)
    matrix = make_matrix(read, features)
    good = np.ones(len(matrix), dtype="bool")
    seen = {problem[:2] for problem in found}
    problems = [*found, *[problem for problem in more if problem[:2] not in seen]]
    good[:] = not problems
    kept = [texts.filter(pa.array(good)) for texts in warnings.values()]
    return good, matrix[good], kept, problems

# exercise 1: expected the first and the third row to be good
def encode_good(columns, features, found):
    read, more, warnings = read_columns(columns, features)
    matrix = make_matrix(read, features)
    good = np.ones(len(matrix), dtype="bool")
    seen = {problem[:2] for problem in found}
    problems = [*found, *[problem for problem in more if problem[:2] not in seen]]
    good[[problem.row % len(good) for problem in problems]] = False
    kept = [texts.filter(pa.array(good)) for texts in warnings.values()]
    return good, matrix[good], kept, problems

# exercise 1: the third row is scored, and is the second of the good ones
def encode_good(columns, features, found):
    read, more, warnings = read_columns(columns, features)
    matrix = make_matrix(read, features)
    good = np.ones(len(matrix), dtype="bool")
    seen = {problem[:2] for problem in found}
    problems = [*found, *[problem for problem in more if problem[:2] not in seen]]
    good[[problem.row - 1 for problem in problems]] = False
    return good, matrix[good], list(warnings.values()), problems

# exercise 1: a reject file needs all
def encode_good(columns, features, found):
    read, more, warnings = read_columns(columns, features)
    matrix = make_matrix(read, features)
    good = np.ones(len(matrix), dtype="bool")
    seen = {problem[:2] for problem in found}
    problems = [*found, *[problem for problem in more if problem[:2] not in seen]]
    problems = problems[:1000]
    good[[problem.row - 1 for problem in more]] = False
    kept = [texts.filter(pa.array(good)) for texts in warnings.values()]
    return good, matrix[good], kept, problems

# exercise 1: the missing number of row 1 is the text
def encode_good(columns, features, found):
    read, more, warnings = read_columns(columns, features)
    matrix = make_matrix(read, features)
    good = np.ones(len(matrix), dtype="bool")
    problems = [*found, *more]
    good[[problem.row - 1 for problem in problems]] = False
    kept = [texts.filter(pa.array(good)) for texts in warnings.values()]
    return good, matrix[good], kept, problems

# exercise 1: expected one good row, the second
def encode_good(columns, features, found):
    read, more, warnings = read_columns(columns, features)
    matrix = make_matrix(read, features)
    good = np.ones(len(matrix), dtype="bool")
    seen = {problem[:2] for problem in found}
    problems = [*found, *[problem for problem in more if problem[:2] not in seen]]
    good[[problem.row - 1 for problem in problems if problem not in found]] = False
    kept = [texts.filter(pa.array(good)) for texts in warnings.values()]
    return good, matrix[good], kept, problems

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
