# Wrong answers to lesson 19f, with a part of what a check says to each.

# exercise 1: an apostrophe before '+49 30'
def safe_cell(value):
    text = str(value)
    return f"'{text}" if text.startswith("=") else value

# exercise 1: only the first character counts
def safe_cell(value):
    text = str(value)
    return f"'{text}" if any(sign in text for sign in "=+-@\t\r") else value

# exercise 1: expected 7 unchanged
def safe_cell(value):
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

# exercise 2: elsewhere is failed
limit = 6

# exercise 2: 30 are to be had
limit = 60
