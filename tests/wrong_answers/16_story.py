# Wrong answers to lesson 16, with a part of what a check says to each.

# exercise 1: expected that 65.5% holds
def agrees(shown, value):
    found = NUMBER.fullmatch(shown)
    if not found or isinstance(value, str):
        return shown == str(value)
    whole, digits, exponent, percent = found.groups()
    number = float(whole.replace(",", "") + "." + (digits or "0"))
    return abs(number - value) <= 10.0 ** -len(digits or "") * 0.500001

# exercise 1: mind the exponent
def agrees(shown, value):
    found = NUMBER.fullmatch(shown)
    if not found or isinstance(value, str):
        return shown == str(value)
    whole, digits, exponent, percent = found.groups()
    scale = 1 / (100 if percent else 1)
    number = float(whole.replace(",", "") + "." + (digits or "0")) * scale
    return abs(number - value) <= 10.0 ** -len(digits or "") * scale * 0.500001

# exercise 1: expected that 65.6% does not hold
def agrees(shown, value):
    found = NUMBER.fullmatch(shown)
    if not found or isinstance(value, str):
        return shown == str(value)
    whole, digits, exponent, percent = found.groups()
    scale = 10.0 ** int(exponent or 0) / (100 if percent else 1)
    number = float(whole.replace(",", "") + "." + (digits or "0")) * scale
    return abs(number - value) <= max(0.01 * abs(value), scale)

# exercise 1: the sign counts
def agrees(shown, value):
    found = NUMBER.fullmatch(shown)
    if not found or isinstance(value, str):
        return shown == str(value)
    whole, digits, exponent, percent = found.groups()
    scale = 10.0 ** int(exponent or 0) / (100 if percent else 1)
    number = float(whole.replace(",", "") + "." + (digits or "0")) * scale
    return abs(abs(number) - abs(value)) <= 10.0 ** -len(digits or "") * scale * 0.500001

# exercise 1: 0.41 would
def agrees(shown, value):
    found = NUMBER.fullmatch(shown)
    if not found or isinstance(value, str):
        return shown == str(value)
    whole, digits, exponent, percent = found.groups()
    scale = 10.0 ** int(exponent or 0) / (100 if percent else 1)
    number = float(whole.replace(",", "") + "." + (digits or "0")) * scale
    return abs(number - value) < 10.0 ** -len(digits or "") * scale

# exercise 1: expected that texts are compared
def agrees(shown, value):
    found = NUMBER.fullmatch(shown)
    if not found or isinstance(value, str):
        return shown.lower() == str(value).lower()
    whole, digits, exponent, percent = found.groups()
    scale = 10.0 ** int(exponent or 0) / (100 if percent else 1)
    number = float(whole.replace(",", "") + "." + (digits or "0")) * scale
    return abs(number - value) <= 10.0 ** -len(digits or "") * scale * 0.500001

# exercise 2: knows the crews' mood
may_stand = {"a": "keep", "b": "for experts", "c": "keep", "d": "misleading", "e": "keep", "f": "keep"}

# exercise 2: d: expected 'misleading'
may_stand = {"a": "keep", "b": "for experts", "c": "no source", "d": "keep", "e": "keep", "f": "keep"}

# exercise 2: b: expected 'for experts'
may_stand = {"a": "keep", "b": "keep", "c": "no source", "d": "misleading", "e": "keep", "f": "keep"}

# exercise 2: expected that a, e and f are kept
may_stand = {"a": "keep", "b": "for experts", "c": "no source", "d": "misleading", "e": "misleading",
             "f": "for experts"}
