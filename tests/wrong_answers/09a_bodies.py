# Wrong answers to lesson 09a, with a part of what a check says to each.

# exercise 1: options may stand behind the kind
def read_kind(content_type):
    if content_type not in ("application/json", "text/csv"):
        abort(415, f"expected application/json or text/csv, got {show(content_type)}")
    return content_type

# exercise 1: only the whole word counts
def read_kind(content_type):
    said = (content_type or "").lower()
    if "csv" in said:
        return "text/csv"
    if "json" in said:
        return "application/json"
    abort(415, f"expected application/json or text/csv, got {show(content_type)}")

# exercise 1: no word is not JSON either
def read_kind(content_type):
    kind, options = parse_options_header(content_type or "application/json")
    if kind.lower() not in ("application/json", "text/csv"):
        abort(415, f"expected application/json or text/csv, got {show(content_type)}")
    return kind.lower()

# exercise 1: Zürich would become another town
def read_kind(content_type):
    kind, _ = parse_options_header(content_type)
    if kind.lower() not in ("application/json", "text/csv"):
        abort(415, f"expected application/json or text/csv, got {show(content_type)}")
    return kind.lower()

# exercise 1: its reader wants to know what to change
def read_kind(content_type):
    kind, options = parse_options_header(content_type)
    charset = options.get("charset", "utf-8").lower()
    if kind.lower() not in ("application/json", "text/csv") or charset not in ("utf-8", "utf8"):
        abort(415)
    return kind.lower()

# exercise 2: the same value twice is a name twice
def find_repeated(content, row=0):
    if isinstance(content, list):
        for number, value in enumerate(content, start=1):
            yield from find_repeated(value, row or number)
    elif isinstance(content, tuple):
        seen = {}
        for name, value in content:
            if name in seen and seen[name] != value:
                yield Problem(row or 1, name, "expected one value, got several", "twice")
            seen[name] = value
            yield from find_repeated(value, row)

# exercise 2: rows are counted from 1
def find_repeated(content, row=0):
    if isinstance(content, list):
        for number, value in enumerate(content):
            yield from find_repeated(value, number)
    elif isinstance(content, tuple):
        for name, count in Counter(name for name, _ in content).items():
            if count > 1:
                yield Problem(row, show(name)[1:-1], f"expected one value, got {count}", "twice")
        for _, value in content:
            yield from find_repeated(value, row)

# exercise 2: each object has names of its own
def find_repeated(content, row=0):
    rows = content if isinstance(content, list) else [content]
    names = Counter()
    for number, pairs in enumerate(rows, start=1):
        for name, _ in pairs if isinstance(pairs, tuple) else ():
            names[name] += 1
            if names[name] > 1:
                yield Problem(number, show(name)[1:-1], "expected one value", "twice")

# exercise 2: look inside lists and values
def find_repeated(content, row=0):
    rows = content if isinstance(content, list) else [content]
    for number, pairs in enumerate(rows, start=1):
        names = Counter(name for name, _ in pairs) if isinstance(pairs, tuple) else {}
        for name, count in names.items():
            if count > 1:
                yield Problem(number, show(name)[1:-1], f"expected one value, got {count}", "twice")

# exercise 2: the outermost list numbers the rows
def find_repeated(content, row=0):
    if isinstance(content, list):
        for number, value in enumerate(content, start=1):
            yield from find_repeated(value, number)
    elif isinstance(content, tuple):
        for name, count in Counter(name for name, _ in content).items():
            if count > 1:
                text = f"expected one value, got {count}"
                yield Problem(row or 1, show(name)[1:-1], text, "twice")
        for _, value in content:
            yield from find_repeated(value, row)

# exercise 2: as JSON would write it
def find_repeated(content, row=0):
    if isinstance(content, list):
        for number, value in enumerate(content, start=1):
            yield from find_repeated(value, row or number)
    elif isinstance(content, tuple):
        for name, count in Counter(name for name, _ in content).items():
            if count > 1:
                yield Problem(row or 1, name, f"expected one value, got {count}", "twice")
        for _, value in content:
            yield from find_repeated(value, row)

# exercise 3: read what the program does by itself
STATUS = {
    "too_many": 400, "unnamed": 400, "cut_off": 400, "far_off": 400,
    "given_twice": 400, "own_threshold": 400, "too_early": 400,
}

# exercise 3: only their sender can change them
STATUS = {
    "too_many": 413, "unnamed": 415, "cut_off": 500, "far_off": 500,
    "given_twice": 422, "own_threshold": 422, "too_early": 503,
}

# exercise 3: act on a score for something that it did not say
STATUS = {
    "too_many": 413, "unnamed": 415, "cut_off": 400, "far_off": 422,
    "given_twice": 200, "own_threshold": 200, "too_early": 503,
}

# exercise 3: tries in vain to wait
STATUS = {
    "too_many": 413, "unnamed": 415, "cut_off": 503, "far_off": 422,
    "given_twice": 422, "own_threshold": 422, "too_early": 503,
}
