# Wrong answers to lesson 05a, with a part of what a check says to each.

# exercise 1: expected a cut halfway between two scores
def choose_threshold(scores, capacity):
    n_rows = round(capacity * len(scores))
    return float(np.sort(scores)[::-1][n_rows - 1])

# exercise 1: Nearest may be more than asked for, or less
def choose_threshold(scores, capacity):
    values, counts = np.unique(scores, return_counts=True)
    shares = counts[::-1].cumsum()[::-1] / counts.sum()
    place = int(np.flatnonzero(shares <= capacity + 1e-9)[0])
    below = values[place - 1] if place else 0.0
    return round(float(values[place] + below) / 2, 6)

# exercise 1: 100% were asked for
def choose_threshold(scores, capacity):
    values, counts = np.unique(scores, return_counts=True)
    shares = counts[::-1].cumsum()[::-1] / counts.sum()
    place = int(np.argmin(np.abs(shares - capacity)))
    return round(float(values[place] + values[place - 1]) / 2, 6)

# exercise 1: Nearest may be more than asked for, or less
def choose_threshold(scores, capacity):
    return float(np.quantile(scores, 1 - capacity))

# exercise 2: is the baseline measured on the draw that the model was measured on?
def draw_differences(measure, model, baseline, n, seed):
    random, differences = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        ours = np.bincount(random.integers(0, n, n), minlength=n)
        theirs = np.bincount(random.integers(0, n, n), minlength=n)
        differences.append(measure(model, ours) - measure(baseline, theirs))
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return low, high

# exercise 2: that is the half-year that we had
def draw_differences(measure, model, baseline, n, seed):
    random, differences = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        weights = np.bincount(random.permutation(n), minlength=n)
        differences.append(measure(model, weights) - measure(baseline, weights))
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return low, high

# exercise 2: where is the generator made?
def draw_differences(measure, model, baseline, n, seed):
    differences = []
    for _ in range(RESAMPLES):
        random = np.random.default_rng(seed)
        weights = np.bincount(random.integers(0, n, n), minlength=n)
        differences.append(measure(model, weights) - measure(baseline, weights))
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return low, high

# exercise 2: how many of these at each end?
def draw_differences(measure, model, baseline, n, seed):
    random, differences = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        weights = np.bincount(random.integers(0, n, n), minlength=n)
        differences.append(measure(model, weights) - measure(baseline, weights))
    low, high = np.nanpercentile(differences, [5, 95])
    return low, high

# exercise 2: have no figure, and the others do
def draw_differences(measure, model, baseline, n, seed):
    random, differences = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        weights = np.bincount(random.integers(0, n, n), minlength=n)
        differences.append(measure(model, weights) - measure(baseline, weights))
    low, high = np.percentile(differences, [2.5, 97.5])
    return low, high

# exercise 2: which is subtracted from which?
def draw_differences(measure, model, baseline, n, seed):
    random, differences = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        weights = np.bincount(random.integers(0, n, n), minlength=n)
        ours = measure(model, weights)
        differences.append(measure(baseline, weights) - ours)
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return low, high

# exercise 2: nobody could repeat the report
def draw_differences(measure, model, baseline, n, seed):
    differences = []
    for _ in range(RESAMPLES):
        weights = np.bincount(np.random.randint(0, n, n), minlength=n)
        differences.append(measure(model, weights) - measure(baseline, weights))
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return low, high

# exercise 3: had to be struck out
threshold = choose_threshold(held_out, page.decision.capacity)

# exercise 3: crews had nothing to do
threshold = 0.5

# exercise 3: look at how many it selects, and how sure one can be of them
threshold = page.decision.value.cost / page.decision.value.gain
