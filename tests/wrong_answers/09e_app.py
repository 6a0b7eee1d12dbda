# Wrong answers to lesson 09d, with a part of what a check says to each.

# exercise 1: that is for check_rows to refuse
def unwrap_rows(content, features):
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        abort(422, f"expected a list of rows, or one row, got {show(content)}")
    if features.columns.keys() == content.keys():
        return [content]
    given = {name for name, value in content.items() if value}
    if given == {"instances"} and isinstance(content["instances"], list):
        return content["instances"]
    if given == {"columns", "data"}:
        for number, values in enumerate(content["data"], start=1):
            if type(values) is not list or len(values) != len(content["columns"]):
                raise RowsError([Problem(number, "", f"expected other values than {values}", "type")])
        return [dict(zip(content["columns"], values)) for values in content["data"]]
    return [{name: value for name, value in content.items() if name in features.columns}]

# exercise 1: look for the features' columns before
def unwrap_rows(content, features):
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        abort(422, f"expected a list of rows, or one row, got {show(content)}")
    if "instances" in content:
        return content["instances"]
    if "data" in content:
        return [dict(zip(content["columns"], values)) for values in content["data"]]
    return [content]

# exercise 1: would believe that it was applied
def unwrap_rows(content, features):
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        abort(422, f"expected a list of rows, or one row, got {show(content)}")
    if features.columns.keys() <= content.keys():
        return [content]
    if isinstance(content.get("instances"), list):
        return content["instances"]
    names, data = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(data, list):
        for number, values in enumerate(data, start=1):
            if type(values) is not list or len(values) != len(names):
                raise RowsError([Problem(number, "", f"expected other values than {values}", "type")])
        return [dict(zip(names, values)) for values in data]
    return [content]

# exercise 1: only a list as long as the columns
def unwrap_rows(content, features):
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        abort(422, f"expected a list of rows, or one row, got {show(content)}")
    if features.columns.keys() <= content.keys():
        return [content]
    given = {name for name, value in content.items() if value}
    if given == {"instances"} and isinstance(content["instances"], list):
        return content["instances"]
    if given == {"columns", "data"}:
        return [dict(zip(content["columns"], values)) for values in content["data"]]
    return [content]

# exercise 1: expected the two rows from {'instances'
def unwrap_rows(content, features):
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        abort(422, f"expected a list of rows, or one row, got {show(content)}")
    if content.keys() == {"instances"}:
        return content["instances"]
    return [content]

# exercise 1: expected 422 and what was expected for None
def unwrap_rows(content, features):
    if isinstance(content, list):
        return content
    return [content]

# exercise 2: Alive asks whether a restart would help
SAYS = {
    "quiet": (True, True),
    "empty": (False, False),
    "broken": (True, True),
    "locked": (False, False),
    "full": (True, True),
    "leaving": (True, False),
    "lonely": (True, True),
}

# exercise 2: although each would have got its prediction
SAYS = {
    "quiet": (True, True),
    "empty": (True, False),
    "broken": (True, False),
    "locked": (False, False),
    "full": (True, False),
    "leaving": (True, False),
    "lonely": (True, False),
}

# exercise 2: this one said that it was alive
SAYS = {name: (True, name in ("quiet", "broken", "full", "lonely")) for name in NIGHTS}

# exercise 2: for it said that it was ready
SAYS = {name: (name != "locked", name != "locked") for name in NIGHTS}
