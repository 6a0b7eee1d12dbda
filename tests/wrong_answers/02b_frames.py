# Wrong answers to lesson 02b, with a part of what a check says to each.

# exercise 1: the index may hold anything
def read_series(values, column):
    read, places = read_typed(values, column)
    problems = []
    for row, text in values.iloc[places].items():
        try:
            read_value(text, column)
        except ValueRefused as refused:
            problems.append(Problem(row, column.name, *refused.args))
    return read, problems

# exercise 1: expected problems in rows 2 and 4
def read_series(values, column):
    read, places = read_typed(values, column)
    problems = []
    for row, text in enumerate(to_json_values(values.iloc[places]), start=1):
        try:
            read_value(text, column)
        except ValueRefused as refused:
            problems.append(Problem(row, column.name, *refused.args))
    return read, problems

# exercise 1: without a loop over its values
def read_series(values, column):
    read, problems = [], []
    for row, text in enumerate(to_json_values(values), start=1):
        try:
            read.append(read_value(text, column))
        except ValueRefused as refused:
            read.append(None)
            problems.append(Problem(row, column.name, *refused.args))
    return read, problems

# exercise 1: write each value as JSON has it first
def read_series(values, column):
    read, places = read_typed(values, column)
    rows, texts = (places + 1).tolist(), values.iloc[places].tolist()
    one_by_one, problems = [], []
    for row, text in zip(rows, texts, strict=True):
        try:
            one_by_one.append(read_value(text, column))
        except ValueRefused as refused:
            one_by_one.append(None)
            problems.append(Problem(row, column.name, *refused.args))
    return (one_by_one if read is None else read), problems

# exercise 1: with this type read_typed reads nothing
def read_series(values, column):
    read, places = read_typed(values, column)
    rows, texts = (places + 1).tolist(), to_json_values(values.iloc[places])
    problems = []
    for row, text in zip(rows, texts, strict=True):
        try:
            read_value(text, column)
        except ValueRefused as refused:
            problems.append(Problem(row, column.name, *refused.args))
    return read, problems

# exercise 1: a missing one is not unknown
def read_series(values, column):
    read, places = read_typed(values, column)
    rows, texts = (places + 1).tolist(), to_json_values(values.iloc[places])
    one_by_one, problems = [], []
    for row, text in zip(rows, texts, strict=True):
        try:
            one_by_one.append(read_value(text, column))
        except ValueRefused as refused:
            one_by_one.append(None)
            problems.append(Problem(row, column.name, *refused.args))
    return (one_by_one if read is None else read), problems

# exercise 1: mean something in a category's column only
def read_series(values, column):
    read, places = read_typed(values, column)
    rows, texts = (places + 1).tolist(), to_json_values(values.iloc[places])
    one_by_one, problems = [], []
    for row, text in zip(rows, texts, strict=True):
        try:
            one_by_one.append(read_value(text, column))
        except ValueRefused as refused:
            one_by_one.append(None)
            problems.append(Problem(row, column.name, *refused.args))
    problems += find_unknown(column, one_by_one, texts, rows)
    return (one_by_one if read is None else read), problems

# exercise 2: whose clock is it?
def mend(batch):
    return batch

# exercise 2: not the same all year
def mend(batch):
    return batch.assign(departs_at=batch["departs_at"] + pd.Timedelta(hours=5))

# exercise 2: whose clock is it?
def mend(batch):
    return batch.assign(departs_at=batch["departs_at"].dt.tz_convert("America/New_York"))

# exercise 2: no crew can be planned for
def mend(batch):
    clock = batch["departs_at"].dt.tz_localize(None).dt.tz_localize("America/New_York")
    return batch.assign(departs_at=clock)[~batch["carrier"].isin(["NK", "YX"])]

# exercise 2: under another's name nobody is warned
def mend(batch):
    clock = batch["departs_at"].dt.tz_localize(None).dt.tz_localize("America/New_York")
    return batch.assign(departs_at=clock, carrier=batch["carrier"].replace({"YX": "YV", "NK": "B6"}))
