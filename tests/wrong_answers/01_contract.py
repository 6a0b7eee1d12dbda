# Wrong answers to lesson 01, with a part of what a check says to each.

# exercise 1: a bool is an int
def is_of_kind(value, kind):
    if kind == "number":
        return isinstance(value, int | float) and abs(value) < 1e300
    if kind == "moment":
        return isinstance(value, datetime) and value.tzinfo is not None
    return isinstance(value, str)

# exercise 1: for it has no UTC offset
def is_of_kind(value, kind):
    kinds = {"number": (int, float), "moment": datetime, "category": str}
    return isinstance(value, kinds[kind]) and value is not True and value is not False

# exercise 1: no distance is nan miles
def is_of_kind(value, kind):
    if kind == "number":
        return type(value) in (int, float) and value not in (float("inf"), float("-inf"))
    if kind == "moment":
        return isinstance(value, datetime) and value.tzinfo is not None
    return isinstance(value, str)

# exercise 1: expected '719' not to be a number
def is_of_kind(value, kind):
    try:
        if kind == "number":
            return not isinstance(value, bool) and abs(float(value)) < 1e300
    except (TypeError, ValueError):
        return False
    if kind == "moment":
        return isinstance(value, datetime) and value.tzinfo is not None
    return isinstance(value, str)

# exercise 2: look at the column behind the feature
def name_leak(feature, target, columns):
    if feature in (target.name, target.column):
        return "a column other than the target"
    if feature in columns and columns[feature].available == "after":
        return "a column available before the decision"
    return ""

# exercise 2: it is the target all the same
def name_leak(feature, target, columns):
    name = column_of(feature, columns)
    if name in columns and columns[name].available == "after":
        return "a column available before the decision"
    return "a column other than the target" if feature == target.name else ""

# exercise 2: its hour is read off the target's column
def name_leak(feature, target, columns):
    if feature in (target.name, target.column):
        return "a column other than the target"
    name = column_of(feature, columns)
    if name in columns and columns[name].available == "after":
        return "a column available before the decision"
    return ""

# exercise 2: ask whether there is such a column
def name_leak(feature, target, columns):
    name = column_of(feature, columns)
    if feature == target.name or name == target.column:
        return "a column other than the target"
    if columns[name].available == "after":
        return "a column available before the decision"
    return ""

# exercise 3: decision.value: expected a capacity or a threshold with it
repairs = {"columns.age.may_be_missing": True, "columns.postcode.personal": True}

# exercise 3: expected a number less than 1; got 50
repairs = {"decision.capacity": 50, "columns.age.may_be_missing": True, "columns.postcode.personal": True}

# exercise 3: promises more than two people can do
repairs = {"decision.value": None, "columns.age.may_be_missing": True, "columns.postcode.personal": True}

# exercise 3: the page says that age is always there
repairs = {"decision.capacity": 0.125, "columns.postcode.personal": True}

# exercise 3: expected a log without age and postcode
repairs = {"decision.capacity": 0.125, "columns.age.may_be_missing": True, "columns.postcode.may_be_missing": True}

# exercise 3: with an empty log nobody notices
repairs = {
    "decision.capacity": 0.125, "columns.age.may_be_missing": True, "columns.postcode.personal": True,
    "columns.starts_at.personal": True, "columns.days_ahead.personal": True,
}

# exercise 3: somebody should hear of it
repairs = {"decision.capacity": 0.125, "columns.postcode.personal": True} | {
    f"columns.{name}.may_be_missing": True for name in ("age", "postcode", "starts_at", "days_ahead")
}

# exercise 1: no distance is 1000000000000000000000000000000000000000 miles
def is_of_kind(value, kind):
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    if kind == "moment":
        return isinstance(value, datetime) and value.tzinfo is not None
    return isinstance(value, str)
