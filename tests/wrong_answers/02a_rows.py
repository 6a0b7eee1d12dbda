# Wrong answers to lesson 02a, with a part of what a check says to each.

# exercise 1: a refusal must not end the search
def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    number = 0
    try:
        for number, row in enumerate(rows, start=1):
            for name, column in features.columns.items():
                read_value(row[name], column)
    except ValueRefused as refused:
        yield Problem(number, name, *refused.args)

# exercise 1: counted from 1
def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    for number, row in enumerate(rows):
        for name, column in features.columns.items():
            try:
                read_value(row[name], column)
            except ValueRefused as refused:
                yield Problem(number, name, *refused.args)

# exercise 1: null may be, and `note` is known
def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            yield Problem(number, "", f"expected names and values, got {show(row)}", "type")
            continue
        for name in row.keys() - features.columns.keys():
            name = show(name).strip('"')
            yield Problem(number, name, "expected no such column, got one", "extra")
        for name, column in features.columns.items():
            try:
                read_value(row.get(name), column)
            except ValueRefused as refused:
                yield Problem(number, name, *refused.args)

# exercise 1: a name may hold a line break
def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            yield Problem(number, "", f"expected names and values, got {show(row)}", "type")
            continue
        for name in row.keys() - features.known:
            yield Problem(number, name, "expected no such column, got one", "extra")
        for name, column in features.columns.items():
            if name not in row:
                yield Problem(number, name, "expected a value, got no such column", "missing")
                continue
            try:
                read_value(row[name], column)
            except ValueRefused as refused:
                yield Problem(number, name, *refused.args)

# exercise 1: not everything is a dictionary
def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    for number, row in enumerate(rows, start=1):
        for name in row.keys() - features.known:
            yield Problem(number, show(name).strip('"'), "expected no such column, got one", "extra")
        for name, column in features.columns.items():
            try:
                if name in row:
                    read_value(row[name], column)
                else:
                    yield Problem(number, name, "expected a value, got no such column", "missing")
            except ValueRefused as refused:
                yield Problem(number, name, *refused.args)

# exercise 1: expected one problem for each of three rows
def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            yield Problem(number, "", f"expected names and values, got {show(row)}", "type")
            break
        for name in row.keys() - features.known:
            name = show(name).strip('"')
            yield Problem(number, name, "expected no such column, got one", "extra")
        for name, column in features.columns.items():
            if name not in row:
                yield Problem(number, name, "expected a value, got no such column", "missing")
                continue
            try:
                read_value(row[name], column)
            except ValueRefused as refused:
                yield Problem(number, name, *refused.args)

# exercise 2: in winter; got hour 9
repairs = {
    "taken_at": {"timezone": "Etc/GMT-1"},
    "battery": {"may_be_missing": True},
    "kilometres": {"range": [0, 60]},
}

# exercise 2: 300 was accepted
repairs = {
    "taken_at": {"timezone": "Europe/Lisbon"},
    "battery": {"may_be_missing": True},
    "kilometres": {"range": [0, 300]},
}

# exercise 2: the shortest and the longest are rides too
repairs = {
    "taken_at": {"timezone": "Europe/Lisbon"},
    "battery": {"may_be_missing": True},
    "kilometres": {"range": [1, 60]},
}

# exercise 2: an old scooter's ride was refused
repairs = {
    "taken_at": {"timezone": "Europe/Lisbon"},
    "battery": {"range": [-1, 100]},
    "kilometres": {"range": [0, 60]},
}
