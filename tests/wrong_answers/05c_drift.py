# Wrong answers to lesson 05c, with a part of what a check says to each.

# exercise 1: four columns are four chances
def find_small(p_values, level=0.05):
    return [p <= level for p in p_values]

# exercise 1: how many are left at its turn?
def find_small(p_values, level=0.05):
    return [p <= level / len(p_values) for p in p_values]

# exercise 1: Holm stops at the first that is too large
def find_small(p_values, level=0.05):
    small = [False] * len(p_values)
    for number, place in enumerate(np.argsort(p_values)):
        small[place] = p_values[place] <= level / (len(p_values) - number)
    return small

# exercise 2: hold every weekday as often
days = 1

# exercise 2: hold every weekday as often
days = 10

# exercise 2: a week holds every weekday already
days = 14
