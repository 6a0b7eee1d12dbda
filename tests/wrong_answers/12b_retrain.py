# Wrong answers to lesson 12b, with a part of what a check says to each.

# exercise 1: the champion learned from what lies before
def find_cut(moments, learned_until, days=28, at_least=500):
    weeks = moments.iloc[-1] - pd.Timedelta(days=days)
    enough = moments.iloc[-min(at_least, len(moments))]
    return min(weeks, enough)

# exercise 1: 28 days have 290 rows
def find_cut(moments, learned_until, days=28, at_least=500):
    weeks = moments.iloc[-1] - pd.Timedelta(days=days)
    return max(weeks, pd.Timestamp(learned_until))

# exercise 1: expected 28 days before
def find_cut(moments, learned_until, days=28, at_least=500):
    enough = moments.iloc[-min(at_least, len(moments))]
    return max(enough, pd.Timestamp(learned_until))

# exercise 1: IndexError
def find_cut(moments, learned_until, days=28, at_least=500):
    weeks = moments.iloc[-1] - pd.Timedelta(days=days)
    enough = moments.iloc[-at_least]
    return max(min(weeks, enough), pd.Timestamp(learned_until))

# exercise 2: it may well be worse
decisions = {"April": True, "December": True, "July": True, "August": False, "May": False}

# exercise 2: 0.612 is below the floor
decisions = {"April": False, "December": False, "July": True, "August": False, "May": False}

# exercise 2: somebody pays for the average
decisions = {"April": True, "December": False, "July": True, "August": True, "May": False}

# exercise 2: too few rows to say that it is worse
decisions = {"April": True, "December": False, "July": False, "August": False, "May": False}
