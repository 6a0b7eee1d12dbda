# Wrong answers to lesson 02d, with a part of what a check says to each.

# exercise 1: strict tools take no backslash before these
def escape(text: str) -> str:
    return re.escape(text)

# exercise 1: which character does not mean itself?
def escape(text: str) -> str:
    return text.replace(".", r"\.")

# exercise 1: which does not match it
def escape(text: str) -> str:
    for character in r".*+?^${}()|[]" + "\\":
        text = text.replace(character, "\\" + character)
    return text

# exercise 1: which does not match it
def escape(text: str) -> str:
    return f"[{text}]"

# exercise 2: is each sign 0 to 9?
whole_miles = r"[1-9]\d{1,2}|[1-5]\d{3}|6000"

# exercise 2: the app refuses those
whole_miles = "[1-9][0-9]{1,3}"

# exercise 2: expected all from 10 to 6000
whole_miles = "[1-9][0-9]{2}|[1-5][0-9]{3}|6000"

# exercise 2: the last [6000]
whole_miles = "[1-9][0-9]{1,2}|[1-5][0-9]{3}"

# exercise 3: expected 10 to 6000, got 0
granted = ["distances from 0", "no fractions of seconds", "only New York's airports", "tails are text or null"]

# exercise 3: expected no such column
granted = ["columns of our own may come along", "no fractions of seconds"]

# exercise 3: which the app scores
granted = ["only carriers that are known", "no fractions of seconds", "only New York's airports", "tails are text or null"]

# exercise 3: would break neither promise
granted = ["tails are text or null"]

# exercise 3: 'moments in UTC only' the planners' own tool would stop
granted = ["moments in UTC only", "whole miles only"]

# exercise 3: 'a pattern of moments that one can read' would allow
granted = ["a pattern of moments that one can read"]
