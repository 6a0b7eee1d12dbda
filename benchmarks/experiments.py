"""What is promised of experiments and of chosen labels, measured at length on the flights.

    python benchmarks/experiments.py            # some minutes
    python benchmarks/experiments.py --runs 100 # quicker, and less exact

Each line shows a figure beside the one that was measured when these lessons were planned. Nothing
is compared strictly: the tests hold the bounds, on few experiments; here are the figures.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from mlprod.app.rows import read_features
from mlprod.compare import Z, check_ratio, compare_units, count_units, linearize
from mlprod.contract import read_contract
from mlprod.data import read_rows, split_rows, take_labels
from mlprod.experiment import limit_open, limit_planned
from mlprod.frames import encode_frame
from mlprod.labels import choose_places
from mlprod.train import limit_threads, prepare_columns

FLIGHTS = Path(__file__).resolve().parent.parent / "data" / "flights"


def show(what: str, planned: str, ours: str) -> None:
    "Print a figure beside the planned one."
    print(f"{what:<62} planned {planned:<18} here {ours}", flush=True)


class Flights:
    "The second half of 2013 in matrices, with a model's scores and those of the hour."

    def __init__(self):
        contract = read_contract(FLIGHTS / "contract.yaml")
        rows = read_rows(FLIGHTS / "flights-2013.parquet", contract)
        parts = split_rows(rows, contract, seed=1)
        self.features = read_features(contract.model_dump(mode="json", by_alias=True))
        self.train, self.test = (encode_frame(part, self.features)[0] for part in parts)
        self.was_late, self.late = (take_labels(part, contract).astype(int) for part in parts)
        zone = contract.columns["departs_at"].timezone
        days = parts[1]["departs_at"].dt.tz_convert(zone).dt.strftime("%Y-%m-%d")
        self.day, names = pd.factorize(days, sort=True)
        self.n_days = len(names)
        with limit_threads(len(self.train)):
            model = HistGradientBoostingClassifier(random_state=0).fit(self.train, self.was_late)
            self.scores = model.predict_proba(self.test)
        hour = self.features.names.index("departs_at.hour")
        shares = pd.Series(self.was_late).groupby(self.train[:, hour]).mean()
        by_hour = pd.Series(self.test[:, hour]).map(shares).fillna(self.was_late.mean()).to_numpy()
        self.ours, self.theirs = pick_top(self.scores[:, 1]), pick_top(by_hour)

    def total(self, acted: np.ndarray, places: np.ndarray | slice = slice(None)) -> tuple:
        "Late ones with a crew, and crews, of each day."
        day, late = self.day[places], self.late[places]
        acted = acted[places]
        return np.bincount(day, acted * late, self.n_days), np.bincount(day, acted, self.n_days)


def pick_top(scores: np.ndarray) -> np.ndarray:
    "Mark the top tenth; places are drawn among equal scores."
    order = np.lexsort([np.random.default_rng(0).random(len(scores)), scores])
    return np.argsort(order) >= 0.9 * len(scores)


def part(totals: tuple, places: np.ndarray | slice) -> tuple:
    return totals[0][places], totals[1][places]


def measure_comparisons(flights: Flights, runs: int) -> None:
    "A/A by rows and by units, and power on real days."
    random = np.random.default_rng(1)
    totals, by_rows, by_units = flights.total(flights.ours), [], []
    for _ in range(runs):
        arm = random.random(flights.n_days) < 0.5
        two = part(totals, arm), part(totals, ~arm)
        counts = [[v.sum(), (s - v).sum()] for v, s in two]
        by_rows.append(stats.chi2_contingency(counts, correction=False).pvalue < 0.05)
        by_units.append(abs(compare_units(*two, paired=False).z) >= Z)
    show("A/A by rows, days assigned: cries", "78%", f"{np.mean(by_rows):.1%}")
    show("A/A by days: cries", "5-6%", f"{np.mean(by_units):.1%}")
    mean = (0.337 + 0.408) / 2
    show("rows with a crew in each arm, 0.337 to 0.408", "728",
         str(count_units(0.071, np.sqrt(mean * (1 - mean)))))  # fmt: skip
    order = np.argsort(flights.day, kind="stable")
    ends = np.searchsorted(flights.day[order], np.arange(flights.n_days + 1))
    late, ours, theirs = (each[order] for each in (flights.late, flights.ours, flights.theirs))
    both = flights.total(flights.theirs), flights.total(flights.ours)
    planned = {16: ("62%", "none"), 28: ("83%", "87%")}
    for length, (of_ab, of_shadow) in planned.items():
        found = []
        for _ in range(runs):
            first = random.integers(0, flights.n_days - length)
            days, rows = slice(first, first + length), slice(ends[first], ends[first + length])
            arm, known = random.random(rows.stop - rows.start) < 0.5, late[rows]
            crews = [known[theirs[rows] & ~arm], known[ours[rows] & arm]]
            by_flight = compare_units(*[(hits, np.ones(len(hits))) for hits in crews], paired=False)
            shadow = compare_units(*[part(each, days) for each in both], paired=True)
            split = random.permutation(length) % 2 == 1
            one, other = (part(each, days) for each in both)
            by_day = compare_units(part(one, ~split), part(other, split), paired=False)
            found.append([by_flight.z >= Z, shadow.z >= Z, by_day.z >= Z])
        powers = [f"{share:.0%}" for share in np.mean(found, axis=0)]
        show(f"power on {length} real days: A/B, each flight assigned", of_ab, powers[0])
        show(f"power on {length} real days: shadow, by days", of_shadow, powers[1])
        show(f"power on {length} real days: A/B, each day assigned", "none", powers[2])
    found = [check_ratio(int(n), 20_000, 0.5) < 0.001 for n in random.binomial(20_000, 0.52, runs)]
    show("52 to 48 of 20,000 units is found", "95% at least", f"{np.mean(found):.1%}")


def measure_looks(flights: Flights, runs: int) -> None:
    "Looking every day: real days' differences with random signs."
    random = np.random.default_rng(2)
    both = [linearize(*flights.total(each)) for each in (flights.ours, flights.theirs)]
    differences = both[0] - both[1]
    differences -= differences.mean()
    signs = random.choice([-1, 1], (runs, flights.n_days))
    steps = random.choice(differences, (runs, flights.n_days)) * signs
    units = np.arange(2, flights.n_days + 1)
    means = steps.cumsum(axis=1)[:, 1:] / units
    spreads = (steps**2).cumsum(axis=1)[:, 1:] / units - means**2
    errors = np.sqrt(np.maximum(spreads, 0) / (units - 1))
    errors[errors < 1e-9] = np.inf  # nothing varies: no test, as in the library
    z = stats.norm.isf(stats.t.sf(np.abs(means) / errors, units - 1))

    def cries(looks: int, limit) -> str:
        few = units <= looks
        return f"{(z[:, few] >= [limit(n) for n in units[few]]).any(axis=1).mean():.1%}"

    show("A/A, 16 looks at 1.96", "23%", cries(16, lambda n: Z))
    show("A/A, O'Brien-Fleming, 16 looks", "4.9%", cries(16, lambda n: limit_planned(n, 16)))
    show("A/A, O'Brien-Fleming, 28 looks", "5% at most", cries(28, lambda n: limit_planned(n, 28)))
    show("A/A, mSPRT, every day of a half-year", "5% at most", cries(999, limit_open))


def learn(model, pool, labels, rule, first, budget, seed, capacity=None):
    "Label some rows at a time until the budget is spent."
    random = np.random.default_rng(seed)
    known = random.choice(len(pool), first, replace=False)
    while True:
        with limit_threads(len(pool)):
            model.fit(pool[known], labels[known])
            scores = model.predict_proba(pool)
        if len(known) >= budget:
            return model
        free = np.setdiff1d(np.arange(len(pool)), known)
        cut = np.quantile(scores[:, -1], 1 - capacity) if capacity else None
        turn, n = int(random.integers(10_000)), min(first, budget - len(known))
        chosen = choose_places(rule, scores[free], pool[free], n, cut, turn)
        known = np.concatenate([known, free[chosen]])


def compare_rules(what: str, gains: dict[str, list], planned: dict[str, str]) -> None:
    "Show how much better than a draw each rule is, with its standard error."
    base = np.array(gains["random"])
    for rule, planned_gain in planned.items():
        gain = np.array(gains[rule]) - base
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        show(f"{what}: {rule}", planned_gain, f"{gain.mean():+.3f} ± {error:.3f}")


def measure_rules(flights: Flights, seeds: int = 10) -> None:
    "What chosen labels teach, and what they say about the model."

    def accuracy(labels, scores):
        return (scores.argmax(axis=1) == labels).mean()

    def auc(labels, scores):
        return roc_auc_score(labels, scores[:, 1])

    def precision(labels, scores):
        return labels[pick_top(scores[:, 1])].mean()

    for what, data, first, budget, measure, planned in (
        ("digits, 100 labels, accuracy", load_digits(), 20, 100, accuracy,
         {"margin": "+0.042", "spread": "+0.056"}),
        ("breast cancer, 40 labels, AUC", load_breast_cancer(), 10, 40, auc,
         {"margin": "+0.011", "spread": "none"}),
    ):  # fmt: skip
        gains = {}
        for seed in range(seeds):
            pool, test, known, unknown = train_test_split(
                data.data, data.target, test_size=0.4, random_state=seed, stratify=data.target
            )
            scale = StandardScaler().fit(pool)
            for rule in ("random", *planned):
                model = LogisticRegression(max_iter=1000)
                learn(model, scale.transform(pool), known, rule, first, budget, seed)
                scores = model.predict_proba(scale.transform(test))
                gains.setdefault(rule, []).append(measure(unknown, scores))
        compare_rules(what, gains, planned)

    prepare = prepare_columns(flights.features).fit(flights.train)
    some_test = np.random.default_rng(0).choice(len(flights.test), 20_000, replace=False)
    late = flights.late[some_test]
    for name, make, planned in (
        ("logistic", lambda: LogisticRegression(max_iter=1000),
         {"AUC": "-0.029 ± 0.006", "precision": "none"}),
        ("boosting", lambda: HistGradientBoostingClassifier(
            max_iter=50, early_stopping=False, random_state=0),
         {"AUC": "equal", "precision": "+0.027 ± 0.008"}),
    ):  # fmt: skip
        aucs, precisions = {}, {}
        for seed in range(seeds):
            some = np.random.default_rng(seed).choice(len(flights.train), 10_000, replace=False)
            pool, test = flights.train[some], flights.test[some_test]
            if name == "logistic":
                pool, test = prepare.transform(pool), prepare.transform(test)
            for rule in ("random", "margin", "cut"):
                model = learn(make(), pool, flights.was_late[some], rule, 200, 1000, seed, 0.1)
                with limit_threads(len(test)):
                    scores = model.predict_proba(test)
                aucs.setdefault(rule, []).append(auc(late, scores))
                precisions.setdefault(rule, []).append(precision(late, scores))
        for measure, gains in (("AUC", aucs), ("precision", precisions)):
            of_rules = dict.fromkeys(("margin", "cut"), planned[measure])
            compare_rules(f"flights, 1,000 labels, {name}, {measure}", gains, of_rules)
    every = auc(flights.late, flights.scores)
    places = choose_places("margin", flights.scores, flights.test, 5000)
    doubtful = auc(flights.late[places], flights.scores[places])
    show("AUC on all rows, and on the 5,000 least sure ones", "0.655, 0.475",
         f"{every:.3f}, {doubtful:.3f}")  # fmt: skip


def read_quarters() -> list[pd.DataFrame]:
    "Read the rows of the first and of the second quarter of 2023."
    contract = read_contract(FLIGHTS / "contract.yaml")
    rows = read_rows(FLIGHTS / "flights-2023.parquet", contract)
    rows = rows[~np.isnan(take_labels(rows, contract))]
    local = rows["departs_at"].dt.tz_convert(contract.columns["departs_at"].timezone)
    return [rows[local.dt.quarter == quarter] for quarter in (1, 2)]


def measure_next_quarter(flights: Flights, labels: int = 10_000, seeds: int = 5) -> None:
    "What labels of one quarter teach about the next one, in a year that training never saw."
    contract = read_contract(FLIGHTS / "contract.yaml")
    quarters = read_quarters()
    first, second = (encode_frame(rows, flights.features)[0] for rows in quarters)
    was_late, late = (take_labels(rows, contract).astype(int) for rows in quarters)
    aucs = {"random": [], "margin": []}
    with limit_threads(len(first)):
        known = HistGradientBoostingClassifier(random_state=0).fit(flights.train, flights.was_late)
        scores = known.predict_proba(first)
        for seed in range(seeds):
            pool = np.random.default_rng(seed).choice(len(first), 60_000, replace=False)
            for rule, measured in aucs.items():
                chosen = pool[choose_places(rule, scores[pool], first[pool], labels, None, seed)]
                model = HistGradientBoostingClassifier(
                    max_iter=50, early_stopping=False, random_state=0
                ).fit(first[chosen], was_late[chosen])
                measured.append(roc_auc_score(late, model.predict_proba(second)[:, 1]))
    means = ", ".join(f"{np.mean(each):.3f} ± {np.std(each):.3f}" for each in aucs.values())
    what = f"{labels:,} labels of 2023Q1 for Q2, AUC: random, least sure"
    show(what, "0.650, 0.602", means)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="experiments; default: 1000")
    runs = parser.parse_args().runs
    flights = Flights()
    measure_comparisons(flights, runs)
    measure_looks(flights, 10 * runs)
    measure_rules(flights)
    measure_next_quarter(flights)


if __name__ == "__main__":
    main()
