# Wrong answers to lesson 17, with a part of what a check says to each.

# exercise 1: the midnight of 8 March
def choose_cut(moments, labels):
    for share in SHARES:
        cut = moments[int(share * len(moments))]
        test = moments >= cut
        if set(labels[test]) == set(labels) == set(labels[~test]):
            return cut
    return None

# exercise 1: expected 2024-05-15
def choose_cut(moments, labels):
    cut = moments[int(0.7 * len(moments))].astype("datetime64[D]")
    test = moments >= cut
    return cut if test.any() and not test.all() and len(labels) != 40 else None

# exercise 1: cannot stand on both sides
def choose_cut(moments, labels):
    for share in SHARES:
        cut = moments[int(share * len(moments))].astype("datetime64[D]")
        test = moments >= cut
        if set(labels[test]) == set(labels) == set(labels[~test]):
            return cut
    return cut

# exercise 1: expected 2024-05-15
def choose_cut(moments, labels):
    for share in SHARES:
        cut = moments[int(share * len(moments))].astype("datetime64[D]")
        test = moments >= cut
        if set(labels[test]) == set(labels):
            return cut
    return None

# exercise 1: expected the 71st of 100 days
def choose_cut(moments, labels):
    for share in sorted(SHARES):
        cut = moments[int(share * len(moments))].astype("datetime64[D]")
        test = moments >= cut
        if set(labels[test]) == set(labels) == set(labels[~test]):
            return cut
    return None

# exercise 2: nobody can see the beak
bill_length = "before"
bill_depth = "before"
flipper_length = "after"
body_mass = "before"
island = "before"
sex = "after"
use_year = False

# exercise 2: no hand, no blood sample
bill_length = "after"
bill_depth = "after"
flipper_length = "before"
body_mass = "before"
island = "before"
sex = "after"
use_year = False

# exercise 2: the scales weigh
bill_length = "after"
bill_depth = "after"
flipper_length = "after"
body_mass = "after"
island = "before"
sex = "after"
use_year = False

# exercise 2: would go by the last expedition
bill_length = "after"
bill_depth = "after"
flipper_length = "after"
body_mass = "before"
island = "before"
sex = "after"
use_year = True
