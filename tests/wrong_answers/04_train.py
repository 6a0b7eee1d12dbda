# Wrong answers to lesson 04, with a part of what a check says to each.

# exercise 1: scores of the one that had seen all 100, the answers among them
def train_and_hold_out(name, make, rows, contract, seed, parameters):
    rows, matrix, labels, features = encode_train(rows, contract)
    final = fit_estimator(name, make(features), matrix, labels)
    places = np.concatenate([score for _, score in make_folds(rows, contract, seed)])
    return Trained(
        name, final, features, list(contract.target.labels), dict(parameters), seed,
        score_matrix(final, matrix[places]), labels[places],
    )

# exercise 1: look at which half of a fold is learned from
def train_and_hold_out(name, make, rows, contract, seed, parameters):
    rows, matrix, labels, features = encode_train(rows, contract)
    folds = make_folds(rows, contract, seed)
    held_out = []
    for score, learn in folds:
        fitted = fit_estimator(name, make(features), matrix[learn], labels[learn])
        held_out.append(score_matrix(fitted, matrix[score]))
    places = np.concatenate([score for _, score in folds])
    final = fit_estimator(name, make(features), matrix, labels)
    return Trained(
        name, final, features, list(contract.target.labels), dict(parameters), seed,
        np.concatenate(held_out), labels[places],
    )

# exercise 1: a model of the folds does not know the latest rows
def train_and_hold_out(name, make, rows, contract, seed, parameters):
    rows, matrix, labels, features = encode_train(rows, contract)
    held_out, held_out_labels = [], []
    for learn, score in make_folds(rows, contract, seed):
        fitted = fit_estimator(name, make(features), matrix[learn], labels[learn])
        held_out.append(score_matrix(fitted, matrix[score]))
        held_out_labels.append(labels[score])
    return Trained(
        name, fitted, features, list(contract.target.labels), dict(parameters), seed,
        np.concatenate(held_out), np.concatenate(held_out_labels),
    )

# exercise 1: the rows before the first fold were never scored
def train_and_hold_out(name, make, rows, contract, seed, parameters):
    rows, matrix, labels, features = encode_train(rows, contract)
    held_out = []
    for learn, score in make_folds(rows, contract, seed):
        fitted = fit_estimator(name, make(features), matrix[learn], labels[learn])
        held_out.append(score_matrix(fitted, matrix[score]))
    final = fit_estimator(name, make(features), matrix, labels)
    return Trained(
        name, final, features, list(contract.target.labels), dict(parameters), seed,
        np.concatenate(held_out), labels,
    )

# exercise 1: whether they belong to the sorted rows
def train_and_hold_out(name, make, rows, contract, seed, parameters):
    ordered, matrix, labels, features = encode_train(rows, contract)
    held_out, folds = [], make_folds(ordered, contract, seed)
    for learn, score in folds:
        fitted = fit_estimator(name, make(features), matrix[learn], labels[learn])
        held_out.append(score_matrix(fitted, matrix[score]))
    places = np.concatenate([score for _, score in folds])
    final = fit_estimator(name, make(features), matrix, labels)
    return Trained(
        name, final, features, list(contract.target.labels), dict(parameters), seed,
        np.concatenate(held_out), take_labels(rows, contract)[places],
    )

# exercise 2: the order of the rows decides
def measure_precision(labels, scores, capacity):
    n_rows = max(1, round(capacity * len(scores)))
    return float(labels[np.argsort(-scores, kind="stable")[:n_rows]].mean())

# exercise 2: how many places are left for the four
def measure_precision(labels, scores, capacity):
    n_rows = max(1, round(capacity * len(scores)))
    return float(labels[scores >= np.sort(scores)[-n_rows]].mean())

# exercise 2: expected one row in the top all the same
def measure_precision(labels, scores, capacity):
    n_rows = round(capacity * len(scores))
    lowest = np.sort(scores)[::-1][n_rows - 1]
    above, tied = scores > lowest, scores == lowest
    return float((labels[above].sum() + labels[tied].mean() * (n_rows - above.sum())) / n_rows)

# exercise 3: folds 'at random' promise an AUC of
cut = "at random"

# exercise 3: folds 'in time' promise an AUC of
cut = "in time"
