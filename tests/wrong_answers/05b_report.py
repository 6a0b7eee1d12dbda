# Wrong answers to lesson 05b, with a part of what a check says to each.

# exercise 1: do the misses below a rank include those at the rank itself?
def area_under_curve(rows, hits):
    misses = rows - hits
    pairs = hits.sum() * misses.sum()
    return (hits * np.cumsum(misses)).sum() / pairs if pairs else float("nan")

# exercise 1: in which the late one has the LOWER score
def area_under_curve(rows, hits):
    misses = rows - hits
    above = np.cumsum(misses[::-1])[::-1] - misses
    pairs = hits.sum() * misses.sum()
    return (hits * (above + misses / 2)).sum() / pairs if pairs else float("nan")

# exercise 1: how many pairs are there in all, when a row counts more than once
def area_under_curve(rows, hits):
    misses = rows - hits
    below = np.cumsum(misses) - misses
    pairs = 24 if len(rows) > 2 else hits.sum() * misses.sum()
    return (hits * (below + misses / 2)).sum() / pairs if pairs else float("nan")

# exercise 1: expected NaN without a warning
def area_under_curve(rows, hits):
    misses = rows - hits
    below = np.cumsum(misses) - misses
    return (hits * (below + misses / 2)).sum() / (hits.sum() * misses.sum())

# exercise 1: rows that are all late: expected NaN twice
def area_under_curve(rows, hits):
    misses = rows - hits
    below = np.cumsum(misses) - misses
    pairs = hits.sum() * misses.sum()
    return (hits * (below + misses / 2)).sum() / pairs if pairs else 0.5

# exercise 2: groups so small are below the floor by accident
min_rows = 30

# exercise 2: groups so small are below the floor by accident
min_rows = 100

# exercise 2: a group that is not judged cannot fail
min_rows = 10_000
