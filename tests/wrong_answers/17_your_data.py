# Wrong answers to lesson 17, with a part of what a check says to each.

# exercise 1: expected 0 for a column without values
def share_missing(values):
    return sum(value is None for value in values) / len(values)

# exercise 1: None is what is missing
def share_missing(values):
    return sum(not value for value in values[:1]) / max(len(values), 1)

# exercise 2: a column is refused that lacks only
most_missing = 0.1

# exercise 2: a column is kept of which
most_missing = 0.9
