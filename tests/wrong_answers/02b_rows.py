# Wrong answers to lesson 02b, with a part of what a check says to each.

# exercise 1: there is nothing to overlook
overlooked = [0.0, 200.0]
noticed = [200.0, 0.0]

# exercise 1: the smallest and the largest give it away
overlooked = [3.0, 500.0]
noticed = [500.0, 3.0]

# exercise 1: which value does min look at first?
overlooked = [3.0, float("nan"), 4.5]
noticed = [3.0, 4.5, float("nan")]

# exercise 1: the same numbers in another order
overlooked = [3.0, float("nan")]
noticed = [float("nan"), 4.0]

# exercise 2: where the shortcut gives no answer
def read_column(values, column):
    if isinstance(values, list):
        return read_list(values, column), []
    read, places = read_series(values, column)
    doubtful = values.iloc[places].astype(object)
    one_by_one, problems = examine(doubtful.where(doubtful.notna(), None).tolist(), column, (places + 1).tolist())
    return (one_by_one if read is None else read), problems

# exercise 2: counted from 1 in the whole column
def read_column(values, column):
    if isinstance(values, list):
        read = read_list(values, column)
        return (read, []) if read is not None else examine(values, column, range(1, len(values) + 1))
    read, places = read_series(values, column)
    doubtful = values.iloc[places].astype(object)
    doubtful = doubtful.where(doubtful.notna(), None).tolist()
    one_by_one, problems = examine(doubtful, column, range(1, len(doubtful) + 1))
    return (one_by_one if read is None else read), problems

# exercise 2: its array is the result
def read_column(values, column):
    if not isinstance(values, list):
        values = values.astype(object).where(values.notna(), None).tolist()
    read = read_list(values, column)
    return (read, []) if read is not None else examine(values, column, range(1, len(values) + 1))

# exercise 2: is one kind of nothing
def read_column(values, column):
    if isinstance(values, list):
        read = read_list(values, column)
        return (read, []) if read is not None else examine(values, column, range(1, len(values) + 1))
    read, places = read_series(values, column)
    one_by_one, problems = examine(values.iloc[places].tolist(), column, (places + 1).tolist())
    return (one_by_one if read is None else read), problems

# exercise 2: with this type read_series reads nothing
def read_column(values, column):
    if isinstance(values, list):
        read = read_list(values, column)
        return (read, []) if read is not None else examine(values, column, range(1, len(values) + 1))
    read, places = read_series(values, column)
    doubtful = values.iloc[places].astype(object)
    doubtful = doubtful.where(doubtful.notna(), None).tolist()
    return read, examine(doubtful, column, (places + 1).tolist())[1]

# exercise 3: whose clock is it?
def mend(batch):
    return batch

# exercise 3: not the same all year
def mend(batch):
    return batch.assign(departs_at=batch["departs_at"] + pd.Timedelta(hours=5))

# exercise 3: whose clock is it?
def mend(batch):
    return batch.assign(departs_at=batch["departs_at"].dt.tz_convert("America/New_York"))

# exercise 3: no crew can be planned for
def mend(batch):
    clock = batch["departs_at"].dt.tz_localize(None).dt.tz_localize("America/New_York")
    return batch.assign(departs_at=clock)[~batch["carrier"].isin(["NK", "YX"])]

# exercise 3: under another's name nobody is warned
def mend(batch):
    clock = batch["departs_at"].dt.tz_localize(None).dt.tz_localize("America/New_York")
    return batch.assign(departs_at=clock, carrier=batch["carrier"].replace({"YX": "YV", "NK": "B6"}))
