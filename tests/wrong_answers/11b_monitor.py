# Wrong answers to lesson 11, with a part of what a check says to each.

# exercise 1: minus is one
def find_copies(then, now, names):
    before, after = then[names].corr(), now[names].corr()
    return [
        (one, other) for one, other in combinations(names, 2)
        if after.loc[one, other] >= 0.999 and not before.loc[one, other] >= 0.999
    ]

# exercise 1: only what is new
def find_copies(then, now, names):
    after = now[names].corr().abs()
    return [pair for pair in combinations(names, 2) if after.loc[pair] >= 0.999]

# exercise 1: c is now 1.15 times a
def find_copies(then, now, names):
    return [pair for pair in combinations(names, 2) if now[pair[0]].equals(now[pair[1]])]

# exercise 2: airlines come and go
january = "broken"
march = "decay"
april = "broken"

# exercise 2: labels say it
january = "drift"
march = "drift"
april = "broken"

# exercise 2: overnight, at hours
january = "drift"
march = "decay"
april = "drift"
