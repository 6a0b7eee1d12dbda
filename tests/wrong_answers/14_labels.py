# Wrong answers to lesson 14, with a part of what a check says to each.

# exercise 1: the scores were sorted in place
def measure_margin(scores):
    scores.sort(axis=1)
    return scores[:, -1] - scores[:, -2]

# exercise 1: and not less the last or the least
def measure_margin(scores):
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, 0]

# exercise 1: expected a number for each row
def measure_margin(scores):
    ordered = np.sort(scores, axis=0)
    return ordered[-1] - ordered[-2] if len(scores) > 3 else ordered[-1][:2]

# exercise 1: expected 0.1, 0.85 and 0.01
def measure_margin(scores):
    return np.max(scores, axis=1) - scores[:, -1]

# exercise 2: are they enough?
share = 0.1
feed = "drawn"

# exercise 2: Are the labels a sample of all X-rays
share = 0.4
feed = "all"

# exercise 2: expected half of
share = 1.0
feed = "drawn"
