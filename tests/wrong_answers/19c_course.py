# Wrong answers to lesson 19c, with a part of what a check says to each.

# exercise 1: after three times; got ['04_train.1.ipynb']
def keep_copy(path):
    copy = path.with_name(f"{path.stem}.1{path.suffix}")
    os.replace(path, copy)
    return copy

# exercise 1: look for a number that nobody has taken
def keep_copy(path):
    number = len(list(path.parent.glob(f"{path.stem}.*{path.suffix}"))) + 1
    copy = path.with_name(f"{path.stem}.{number}{path.suffix}")
    os.replace(path, copy)
    return copy

# exercise 1: expected the new path back
def keep_copy(path):
    number = 1
    while path.with_name(f"{path.stem}.{number}{path.suffix}").exists():
        number += 1
    path.rename(path.with_name(f"{path.stem}.{number}{path.suffix}"))

# exercise 2: that is early
offered_after = 1

# exercise 2: that is late
offered_after = 4
