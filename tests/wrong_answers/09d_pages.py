# Wrong answers to lesson 09d, with a part of what a check says to each.

# exercise 1: compare the time with what comes back from UTC
def read_field(text, column):
    text = text.strip()
    if column.kind != "moment" or not text:
        return read_text(text, column)
    try:
        typed = datetime.fromisoformat(text)
        return (typed if typed.tzinfo else typed.replace(tzinfo=column.zone)).isoformat()
    except (ValueError, OverflowError):
        return text


def write_field(value, column):
    if column.kind == "moment":
        return f"{datetime.fromisoformat(value).astimezone(column.zone):%Y-%m-%dT%H:%M}"
    return str(value)

# exercise 1: the hands must not move
def read_field(text, column):
    text = text.strip()
    if column.kind != "moment" or not text:
        return read_text(text, column)
    try:
        return datetime.fromisoformat(text).astimezone(column.zone).isoformat()
    except (ValueError, OverflowError):
        return text


def write_field(value, column):
    if column.kind == "moment":
        return f"{datetime.fromisoformat(value).astimezone(column.zone):%Y-%m-%dT%H:%M}"
    return str(value)

# exercise 1: who types an offset means it
def read_field(text, column):
    text = text.strip()
    if column.kind != "moment" or not text:
        return read_text(text, column)
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=column.zone)
        back = moment.astimezone(UTC).astimezone(column.zone)
    except (ValueError, OverflowError):
        return text
    return moment.isoformat() if moment.time() == back.time() else text


def write_field(value, column):
    if column.kind == "moment":
        return f"{datetime.fromisoformat(value).astimezone(column.zone):%Y-%m-%dT%H:%M}"
    return str(value)

# exercise 1: as New York sees it, 2012-12-31T19:00
def read_field(text, column):
    text = text.strip()
    if column.kind != "moment" or not text:
        return read_text(text, column)
    try:
        typed = datetime.fromisoformat(text)
        moment = typed if typed.tzinfo else typed.replace(tzinfo=column.zone)
        back = moment.astimezone(UTC).astimezone(moment.tzinfo)
    except (ValueError, OverflowError):
        return text
    return moment.isoformat() if moment.time() == back.time() else text


def write_field(value, column):
    return value[:16] if column.kind == "moment" else str(value)

# exercise 1: a form may raise nothing
def read_field(text, column):
    text = text.strip()
    if column.kind != "moment" or not text:
        return read_text(text, column)
    typed = datetime.fromisoformat(text)
    return (typed if typed.tzinfo else typed.replace(tzinfo=column.zone)).isoformat()


def write_field(value, column):
    if column.kind == "moment":
        return f"{datetime.fromisoformat(value).astimezone(column.zone):%Y-%m-%dT%H:%M}"
    return str(value)

# exercise 2: as few digits as tell them apart
def write_score(score, threshold):
    return f"{score:.2f}", f"{threshold or 0:.2f}"

# exercise 2: expected ('0.41', '0.33')
def write_score(score, threshold):
    return f"{score:.6f}", f"{threshold or 0:.6f}"

# exercise 2: no number of digits tells equal numbers apart
def write_score(score, threshold):
    threshold = threshold or 0
    for digits in range(2, 10):
        texts = f"{score:.{digits}f}", f"{threshold:.{digits}f}"
        if texts[0] != texts[1]:
            return texts
    return texts

# exercise 3: the form cannot know which
PUT_RIGHT = list(SLIPS)

# exercise 3: asking again costs time and changes nothing
PUT_RIGHT = ["carrier: ev", "distance: 719 miles"]
