# Wrong answers to lesson 13a, with a part of what a check says to each.

# exercise 1: because of one single flight
def linearize(values, sizes):
    if not np.sum(sizes):
        raise ExperimentError("expected rows that count; got none: wait for labels")
    return np.divide(values, sizes, out=np.full(len(sizes), 0.5), where=np.asarray(sizes) > 0)

# exercise 1: expected an ExperimentError
def linearize(values, sizes):
    ratio = np.sum(values) / max(1, np.sum(sizes))
    return ratio + (values - ratio * sizes) / max(1, np.mean(sizes))

# exercise 1: the ratio is one sum divided by another
def linearize(values, sizes):
    if not np.sum(sizes):
        raise ExperimentError("expected rows that count; got none: wait for labels")
    ratio = np.mean(values / np.maximum(sizes, 1))
    return ratio + (values - ratio * sizes) / np.mean(sizes) * 2

# exercise 1: or the spread of the numbers means nothing
def linearize(values, sizes):
    if not np.sum(sizes):
        raise ExperimentError("expected rows that count; got none: wait for labels")
    ratio = np.sum(values) / np.sum(sizes)
    return ratio + (values - ratio * sizes) / np.sum(sizes)

# exercise 2: expected 728 rows with a crew in each arm
def count_units(effect, spread, power=0.8):
    both = Z + stats.norm.isf(1 - power)
    return int(np.ceil((both * spread / effect) ** 2))

# exercise 2: is it rounded up?
def count_units(effect, spread, power=0.8):
    both = Z + stats.norm.isf(1 - power)
    return int(2 * (both * spread / effect) ** 2)

# exercise 2: for the effect is squared
def count_units(effect, spread, power=0.8):
    both = Z + stats.norm.isf(1 - power)
    return int(np.ceil(2 * (both * spread) ** 2 / effect))

# exercise 2: exceeded with
def count_units(effect, spread, power=0.8):
    both = Z + stats.norm.isf(0.2)
    return int(np.ceil(2 * (both * spread / effect) ** 2))

# exercise 2: is the sum of both z squared
def count_units(effect, spread, power=0.8):
    both = Z**2 + stats.norm.isf(1 - power) ** 2
    return int(np.ceil(2 * both * (spread / effect) ** 2))

# exercise 3: write angry letters
unit = "visit"

# exercise 3: Are there smaller units that the customers allow?
unit = "week"
