# Wrong answers to lesson 02a, with a part of what a check says to each.

# exercise 1: it is JSON that tells a text from a number
def show(value: Any) -> str:
    "Write a value as JSON would, shortened, so that a message can carry it safely."
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."

# exercise 1: a line break or half a character got through
def show(value: Any) -> str:
    "Write a value as JSON would, shortened, so that a message can carry it safely."
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."

# exercise 1: look at each way in which write can fail
def show(value: Any) -> str:
    "Write a value as JSON would, shortened, so that a message can carry it safely."
    try:
        text = write(value)
    except TypeError:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."

# exercise 1: the dots among them
def show(value: Any) -> str:
    "Write a value as JSON would, shortened, so that a message can carry it safely."
    try:
        text = write(value)
    except (RecursionError, TypeError, ValueError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 40 else text[:40] + "..."

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

# exercise 3: and the others in their places
def examine(values: list, column: Column, rows: Any) -> tuple[list, list[Problem]]:
    "Read values one by one; list what is wrong or unknown, by the numbers of their rows."
    read, problems = [None] * len(values), []
    try:
        for place, row in enumerate(rows):
            read[place] = read_value(values[place], column)
    except ValueRefused as refused:
        problems.append(Problem(row, column.name, *refused.args))
    return read, problems

# exercise 3: expected one thing for each of five values
def examine(values: list, column: Column, rows: Any) -> tuple[list, list[Problem]]:
    "Read values one by one; list what is wrong or unknown, by the numbers of their rows."
    read, problems = [], []
    for value, row in zip(values, rows):
        try:
            read.append(read_value(value, column))
        except ValueRefused as refused:
            problems.append(Problem(row, column.name, *refused.args))
    return read, problems

# exercise 3: as `rows` counts them
def examine(values: list, column: Column, rows: Any) -> tuple[list, list[Problem]]:
    "Read values one by one; list what is wrong or unknown, by the numbers of their rows."
    read, problems = [None] * len(values), []
    for row, value in enumerate(values, start=1):
        try:
            read[row - 1] = read_value(value, column)
        except ValueRefused as refused:
            problems.append(Problem(row, column.name, *refused.args))
    return read, problems

# exercise 3: mean something in a category's column only
def examine(values: list, column: Column, rows: Any) -> tuple[list, list[Problem]]:
    "Read values one by one; list what is wrong or unknown, by the numbers of their rows."
    read, problems = [None] * len(values), []
    for place, (value, row) in enumerate(zip(values, rows)):
        try:
            read[place] = read_value(value, column)
        except ValueRefused as refused:
            problems.append(Problem(row, column.name, *refused.args))
        if read[place] == UNKNOWN:
            problems.append(Problem(row, column.name, f"unknown category {show(value)}", "unknown"))
    return read, problems
