# Wrong answers to lesson 04b, with a part of what a check says to each.

# exercise 1: asks for departure_delay, and nobody knows that
in_service = "trees with the delay"

# exercise 1: asks for precipitation, visibility, wind_speed
in_service = "trees with the weather"

# exercise 1: Look at how the folds were cut
in_service = "trees with the day"

# exercise 1: per 1,000 departures, 'logistic' brings
in_service = "logistic"

# exercise 2: expected fewer than all rows
def count_fitting(n_rows, seconds, estimate):
    return n_rows

# exercise 2: which of its
def count_fitting(n_rows, seconds, estimate):
    if estimate(n_rows) <= seconds:
        return n_rows
    fits, too_many = 0, n_rows
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if estimate(middle) <= seconds:
            fits = middle
        else:
            too_many = middle
    return max(too_many, min(LEAST, n_rows))

# exercise 2: that is no sample
def count_fitting(n_rows, seconds, estimate):
    if estimate(n_rows) <= seconds:
        return n_rows
    fits, too_many = 0, n_rows
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if estimate(middle) <= seconds:
            fits = middle
        else:
            too_many = middle
    return fits

# exercise 2: a table of 300 rows has no 1,000
def count_fitting(n_rows, seconds, estimate):
    if estimate(n_rows) <= seconds:
        return n_rows
    fits, too_many = 0, n_rows
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if estimate(middle) <= seconds:
            fits = middle
        else:
            too_many = middle
    return max(fits, LEAST)

# exercise 2: halve what is left
def count_fitting(n_rows, seconds, estimate):
    for n in range(n_rows, 0, -1000):
        if estimate(n) <= seconds:
            return max(n, min(LEAST, n_rows))
    return min(LEAST, n_rows)
