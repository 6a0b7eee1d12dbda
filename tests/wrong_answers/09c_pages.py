# Wrong answers to lesson 09c, with a part of what a check says to each.

# exercise 1: the column's kind decides
def read_field(text, column):
    text = text.strip()
    with suppress(ValueError, OverflowError):
        if text.isascii() and "_" not in text and isfinite(number := float(text)):
            return number
        if column.kind == "moment" and (moment := datetime.fromisoformat(text)).tzinfo is None:
            moment = moment.replace(tzinfo=column.zone)
            exists = moment.astimezone(UTC).astimezone(column.zone).time() == moment.time()
            return moment.isoformat() if exists else text
    return text or None

# exercise 1: do not trust float alone
def read_field(text, column):
    text = text.strip()
    with suppress(ValueError, OverflowError):
        if column.kind == "number":
            return float(text)
        if column.kind == "moment" and (moment := datetime.fromisoformat(text)).tzinfo is None:
            moment = moment.replace(tzinfo=column.zone)
            exists = moment.astimezone(UTC).astimezone(column.zone).time() == moment.time()
            return moment.isoformat() if exists else text
    return text or None

# exercise 1: compare the time with what comes back from UTC
def read_field(text, column):
    text = text.strip()
    with suppress(ValueError, OverflowError):
        if column.kind == "number" and text.isascii() and "_" not in text:
            return number if isfinite(number := float(text)) else text
        if column.kind == "moment" and (moment := datetime.fromisoformat(text)).tzinfo is None:
            return moment.replace(tzinfo=column.zone).isoformat()
    return text or None

# exercise 1: the digits must not move
def read_field(text, column):
    text = text.strip()
    with suppress(ValueError, OverflowError):
        if column.kind == "number" and text.isascii() and "_" not in text:
            return number if isfinite(number := float(text)) else text
        if column.kind == "moment":
            return datetime.fromisoformat(text).astimezone(column.zone).isoformat()
    return text or None

# exercise 1: who types an offset means it
def read_field(text, column):
    text = text.strip()
    with suppress(ValueError, OverflowError):
        if column.kind == "number" and text.isascii() and "_" not in text:
            return number if isfinite(number := float(text)) else text
        if column.kind == "moment":
            moment = datetime.fromisoformat(text).replace(tzinfo=column.zone)
            exists = moment.astimezone(UTC).astimezone(column.zone).time() == moment.time()
            return moment.isoformat() if exists else text
    return text or None

# exercise 1: a form may raise nothing
def read_field(text, column):
    text = text.strip()
    if column.kind == "number" and text.isascii() and "_" not in text:
        try:
            return number if isfinite(number := float(text)) else text
        except ValueError:
            return text
    if column.kind == "moment" and text:
        moment = datetime.fromisoformat(text)
        return moment.isoformat() if moment.tzinfo else moment.replace(tzinfo=column.zone).isoformat()
    return text or None

# exercise 2: it has no branch for 'ask'
UNANNOUNCED = [
    "carrier may be left out",
    "destination is accepted, and not needed",
    "each prediction has a reason, too",
    "a third decision: ask",
]

# exercise 2: it sends tail
UNANNOUNCED = ["tail is refused, nobody should send it", "carrier may be left out"]

# exercise 2: all three programs run on
UNANNOUNCED = []
