# Wrong answers to lesson 13b, with a part of what a check says to each.

# exercise 1: which limit knows that?
mode = "shadow"
days = 56
limit = limit_once

# exercise 1: expected the mode without
mode = "ab"
days = 56
limit = limit_daily

# exercise 1: for the end is known?
mode = "shadow"
days = 42
limit = limit_endless

# exercise 1: expected at most 60 days
mode = "shadow"
days = 112
limit = limit_daily

# exercise 1: expected 80% at least
mode = "shadow"
days = 28
limit = limit_daily

# exercise 2: the units are not comparable
def judge_experiment(z, limit, units, ratio, ended):
    if units < FEWEST_UNITS:
        return "too few"
    if abs(z) >= limit:
        return "better" if z > 0 else "worse"
    if ratio is not None and ratio < RATIO_ALARM:
        return "broken"
    return "not shown" if ended else "go on"

# exercise 2: RATIO_ALARM is stricter
def judge_experiment(z, limit, units, ratio, ended):
    if ratio is not None and ratio < 0.05:
        return "broken"
    if units < FEWEST_UNITS:
        return "too few"
    if abs(z) >= limit:
        return "better" if z > 0 else "worse"
    return "not shown" if ended else "go on"

# exercise 2: a week of bad
def judge_experiment(z, limit, units, ratio, ended):
    if ratio is not None and ratio < RATIO_ALARM:
        return "broken"
    if abs(z) >= limit:
        return "better" if z > 0 else "worse"
    return "not shown" if ended else "go on"

# exercise 2: expected better, worse and go on
def judge_experiment(z, limit, units, ratio, ended):
    if ratio is not None and ratio < RATIO_ALARM:
        return "broken"
    if units < FEWEST_UNITS:
        return "too few"
    if z > limit:
        return "better"
    return "not shown" if ended else "go on"

# exercise 2: Not shown is
def judge_experiment(z, limit, units, ratio, ended):
    if ratio is not None and ratio < RATIO_ALARM:
        return "broken"
    if units < FEWEST_UNITS:
        return "too few"
    if abs(z) >= limit:
        return "better" if z > 0 else "worse"
    return "go on"
