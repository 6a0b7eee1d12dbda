# Wrong answers to lesson 02c, with a part of what a check says to each.

# exercise 1: do not trust Python's float alone
def read_text(text, column):
    if column.kind == "number":
        try:
            return float(text)
        except ValueError:
            pass
    return text or None

# exercise 1: ValueError
def read_text(text, column):
    if column.kind == "number" and NUMBER.match(text):
        return float(text)
    return text or None

# exercise 1: what does the column's kind say?
def read_text(text, column):
    if NUMBER.fullmatch(text) and isfinite(float(text)):
        return float(text)
    return text or None

# exercise 1: nor is it zero
def read_text(text, column):
    if column.kind == "number" and NUMBER.fullmatch(text) and isfinite(float(text)):
        return float(text)
    return text

# exercise 1: typed '0': expected 0
def read_text(text, column):
    number = column.kind == "number" and NUMBER.fullmatch(text) and float(text)
    return number if number and isfinite(number) else None if text in ("", "0") else text

# exercise 2: nothing is wrong with them
def check_header(names, features):
    if not names:
        abort(400, "expected CSV with names in its first line, got nothing there")
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if any(mark in name for name in names):
            abort(422, f"header: expected commas between names, got {word}")
    return names

# exercise 2: the contract may know it
def check_header(names, features):
    if not names:
        abort(400, "expected CSV with names in its first line, got nothing there")
    if len(names) == 1:
        for mark, word in ((";", "semicolons"), ("\t", "tabs")):
            if mark in names[0]:
                abort(422, f"header: expected commas between names, got {word}")
    return names

# exercise 2: names between tabs
def check_header(names, features):
    if not names:
        abort(400, "expected CSV with names in its first line, got nothing there")
    if len(names) == 1 and names[0] not in features.known and ";" in names[0]:
        abort(422, "header: expected commas between names, got semicolons")
    return names

# exercise 2: no names at all
def check_header(names, features):
    if len(names) == 1 and names[0] not in features.known:
        for mark, word in ((";", "semicolons"), ("\t", "tabs")):
            if mark in names[0]:
                abort(422, f"header: expected commas between names, got {word}")
    return names

# exercise 3: with these settings she reads: header: expected commas
settings = {
    "sep": ";", "decimal": ".", "encoding": "utf-8", "date_format": "%Y-%m-%dT%H:%M:%S%z",
    "float_format": None, "na_rep": "", "index": False,
}

# exercise 3: with these settings she reads: column 1: expected a name
settings = {
    "sep": ",", "decimal": ".", "encoding": "utf-8", "date_format": "%Y-%m-%dT%H:%M:%S%z",
    "float_format": None, "na_rep": "", "index": True,
}

# exercise 3: she has 12.5 and 102.25 kilometres
settings = {
    "sep": ",", "decimal": ".", "encoding": "utf-8", "date_format": "%Y-%m-%dT%H:%M:%S%z",
    "float_format": "%.3g", "na_rep": "", "index": False,
}

# exercise 3: what do her moments say of UTC?
settings = {
    "sep": ",", "decimal": ".", "encoding": "utf-8", "date_format": "%Y-%m-%dT%H:%M:%SZ",
    "float_format": None, "na_rep": "", "index": False,
}

# exercise 3: with these settings she reads: row 3: kilometres
settings = {
    "sep": ",", "decimal": ".", "encoding": "utf-8", "date_format": "%Y-%m-%dT%H:%M:%S%z",
    "float_format": None, "na_rep": "n/a", "index": False,
}

# exercise 3: -1 is a shop that the contract does not know
settings = {
    "sep": ",", "decimal": ".", "encoding": "utf-8", "date_format": "%Y-%m-%dT%H:%M:%S%z",
    "float_format": None, "na_rep": "0", "index": False,
}
