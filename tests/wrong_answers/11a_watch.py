# Wrong answers to lesson 08b, with a part of what a check says to each.

# exercise 1: equal bins count half
def measure_auc(bins):
    misses, hits = bins[..., 0], bins[..., 1]
    below = np.cumsum(misses, axis=1) - misses
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    return np.divide((hits * below).sum(axis=1), pairs, out=np.full(len(bins), np.nan), where=pairs > 0)

# exercise 1: equal bins count half
def measure_auc(bins):
    misses, hits = bins[..., 0], bins[..., 1]
    below = np.cumsum(misses, axis=1)
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    return np.divide((hits * below).sum(axis=1), pairs, out=np.full(len(bins), np.nan), where=pairs > 0)

# exercise 1: how many misses lie in lower bins than a hit?
def measure_auc(bins):
    misses, hits = bins[..., 0], bins[..., 1]
    below = np.cumsum(hits, axis=1) - hits
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    won = (misses * (below + hits / 2)).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(bins), np.nan), where=pairs > 0)

# exercise 1: there is no pair to count
def measure_auc(bins):
    misses, hits = bins[..., 0], bins[..., 1]
    below = np.cumsum(misses, axis=1) - misses
    return (hits * (below + misses / 2)).sum(axis=1) / np.maximum(hits.sum(axis=1) * misses.sum(axis=1), 1)

# exercise 2: a model would learn the mistake
a = "retrain"
b = "ask"
c = "retrain"
d = "nothing"

# exercise 2: labels of what would it learn from?
a = "mend"
b = "retrain"
c = "retrain"
d = "nothing"

# exercise 2: drift asks, labels answer
a = "mend"
b = "ask"
c = "ask"
d = "nothing"
