# Wrong answers to lesson 03b, with a part of what a check says to each.

# exercise 1: the hunt for leaks has a leak
def score_alone(values, labels, half, n_labels):
    groups = pd.factorize(values, use_na_sentinel=False)[0]
    counts = np.zeros((groups.max() + 1, n_labels))
    np.add.at(counts, (groups, labels), 1)
    overall = counts.sum(axis=0) / len(labels)
    shares = (counts + 20 * overall) / (counts.sum(axis=1, keepdims=True) + 20)
    return shares[groups[half:]]


# exercise 1: who looks at later rows knows the future
def score_alone(values, labels, half, n_labels):
    table = pd.crosstab(values.fillna("nothing").to_numpy(), labels)
    overall = table.sum() / len(labels)
    shares = (table + 20 * overall).div(table.sum(axis=1) + 20, axis=0)
    return shares.loc[values.fillna("nothing")].to_numpy()[half:]


# exercise 1: nothing divided by nothing
def score_alone(values, labels, half, n_labels):
    groups = pd.factorize(values, use_na_sentinel=False)[0]
    counts = np.zeros((groups.max() + 1, n_labels))
    np.add.at(counts, (groups[:half], labels[:half]), 1)
    with np.errstate(all="ignore"):
        return (counts / counts.sum(axis=1, keepdims=True))[groups[half:]]


# exercise 1: add the twenty rows to every group
def score_alone(values, labels, half, n_labels):
    groups = pd.factorize(values, use_na_sentinel=False)[0]
    counts = np.zeros((groups.max() + 1, n_labels))
    np.add.at(counts, (groups[:half], labels[:half]), 1)
    overall = counts.sum(axis=0) / half
    counts[counts.sum(axis=1) == 0] = overall
    return (counts / counts.sum(axis=1, keepdims=True))[groups[half:]]


# exercise 1: the number that missing values get as a group
def score_alone(values, labels, half, n_labels):
    groups = pd.factorize(values)[0]
    counts = np.zeros((groups.max() + 1, n_labels))
    np.add.at(counts, (groups[:half], labels[:half]), 1)
    overall = counts.sum(axis=0) / half
    shares = (counts + 20 * overall) / (counts.sum(axis=1, keepdims=True) + 20)
    return shares[groups[half:]]


# exercise 1: expected an array of shape (20, 3)
def score_alone(values, labels, half, n_labels):
    late = pd.Series(labels[:half]).groupby(values.to_numpy()[:half], dropna=False).agg(["sum", "size"])
    overall = labels[:half].mean()
    shares = (late["sum"] + 20 * overall) / (late["size"] + 20)
    return shares.reindex(values[half:]).fillna(overall).to_numpy()


# exercise 2: 2 of the 6 columns that you keep hold other values
leaks = ["route_late"]

# exercise 2: and has 0.60 in the evening before
leaks = ["route_late"]

# exercise 2: or misses a column known in time
leaks = ["hour_late", "route_late", "speed", "clear"]

# exercise 2: it leans on a leak
leaks = ["speed", "clear"]

# exercise 2: a table of nothing has no leaks
leaks = ["weekday", "distance", "traffic", "hour_late", "route_late", "speed", "clear"]
