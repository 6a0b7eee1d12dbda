# Wrong answers to lesson 12c, with a part of what a check says to each.

# exercise 1: May's crews cannot work in June
def cover_periods(scores, periods, capacity):
    ranks = rank_scores(scores)
    return select_top(np.bincount(ranks).astype(float), capacity)[ranks]

# exercise 1: two crews for three equal scores
def cover_periods(scores, periods, capacity):
    covered = np.zeros(len(scores))
    for period in np.unique(periods):
        places = np.flatnonzero(periods == period)
        top = np.argsort(-scores[places], kind="stable")[: round(capacity * len(places))]
        covered[places[top]] = 1
    return covered

# exercise 1: expected [1, 0, 0, 1]
def cover_periods(scores, periods, capacity):
    covered = []
    for period in np.unique(periods):
        ranks = rank_scores(scores[periods == period])
        covered.append(select_top(np.bincount(ranks).astype(float), capacity)[ranks])
    return np.concatenate(covered)

# exercise 2: a new model would be the old one again
actions = {"A": "retrain", "B": "retrain", "C": "repair", "D": "ask the owner"}

# exercise 2: 40,000 new rows are enough to learn from
actions = {"A": "wait", "B": "wait", "C": "repair", "D": "ask the owner"}

# exercise 2: somebody sends kilometres
actions = {"A": "wait", "B": "retrain", "C": "retrain", "D": "ask the owner"}

# exercise 2: how many rows to act on, or whether to
actions = {"A": "wait", "B": "retrain", "C": "repair", "D": "retrain"}
