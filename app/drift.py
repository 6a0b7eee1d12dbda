"""Tell a change in the rows from the noise of a week: an effect to read, and a test."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rows import MISSING, UNKNOWN, read_features, split_feature

MOST_BINS = 50  # of a column, besides the ends
PART_VALUES = {"hour": range(24), "weekday": range(7), "month": range(1, 13)}


def make_edges(
    values: np.ndarray,  # (n,) float32, with NaN where there is none
    known: range,  # every value that can come, or an empty range
) -> np.ndarray:  # ascending; bins lie between them
    "Cut a column into bins: one for each value, or so that each bin has as many rows."
    every = np.array(known, "float32") if len(known) else np.sort(values[~np.isnan(values)])
    edges = np.unique(every)
    if len(edges) > MOST_BINS:
        edges = np.unique(every[np.linspace(0, len(every) - 1, MOST_BINS).astype(int)])
    return np.append(edges, np.nextafter(edges[-1:], np.float32(np.inf)))  # nothing lies above


def count_bins(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    "Count a column's values: missing ones first, then from the lowest bin to the highest."
    places = np.searchsorted(edges, values, side="right") + 1
    return np.bincount(np.where(np.isnan(values), 0, places), minlength=len(edges) + 2)


def pick_scores(scores: np.ndarray) -> np.ndarray:  # (n, n_labels) to (n,)
    "Pick the score of the last label, or of several labels the place of the likeliest."
    return scores[:, -1] if scores.shape[1] < 3 else scores.argmax(axis=1)


def read_values(column: dict, matrix: np.ndarray, scores: np.ndarray) -> np.ndarray:
    "Read the values of a column of the reference; missing ones are NaN."
    if column["place"] < 0:
        return pick_scores(scores).astype("float32")
    values = matrix[:, column["place"]]
    return values if column["ordered"] else np.where(values == MISSING, np.nan, values)


def make_reference(
    matrix: np.ndarray,  # (n, n_features) float32, from encode_rows: what training saw
    scores: np.ndarray,  # (n, n_labels), of these rows
    contract: dict,  # plain data, as in contract.json
) -> dict:  # plain data, for JSON
    "Keep of rows what live ones are compared with: counts by bin, none of a personal column."
    features, columns, n_labels = read_features(contract), [], scores.shape[1]
    for place, name in enumerate(features.names):
        source, part = split_feature(name, features.columns)
        codes, known = features.columns[source].codes, PART_VALUES.get(part, range(0))
        if not contract["columns"][source].get("personal"):
            column = {"name": name, "place": place, "part": part, "ordered": codes is None}
            columns.append((column, known if codes is None else range(len(codes))))
    column = {"name": "score", "place": -1, "part": "", "ordered": n_labels < 3}
    columns.append((column, range(n_labels if n_labels > 2 else 0)))
    for column, known in columns:
        values = read_values(column, matrix, scores)
        edges = make_edges(values, known)
        edges = edges if column["ordered"] else np.insert(edges, 0, UNKNOWN)
        column["edges"], column["counts"] = edges.tolist(), count_bins(edges, values).tolist()
    return {"rows": len(matrix), "columns": [column for column, _ in columns]}


def count_rows(
    reference: dict,
    matrix: np.ndarray,  # (n, n_features) float32, from encode_rows
    scores: np.ndarray,  # (n, n_labels)
) -> np.ndarray:  # int64, all columns one after the other; those of several parts add up
    "Count rows in the bins of a reference."
    counts = [
        count_bins(np.array(column["edges"], "float32"), read_values(column, matrix, scores))
        for column in reference["columns"]
    ]
    return np.concatenate(counts)


def kolmogorov_tail(x: float) -> float:
    "Compute the chance that Kolmogorov's distribution gives more than x."
    k = np.arange(1, 101)
    terms = (-1.0) ** (k - 1) * np.exp(-2 * (k * x) ** 2)
    return float(np.clip(2 * terms.sum(), 0, 1)) if x > 0.1 else 1.0


def chi_square_tail(x: float, degrees: int) -> float:
    "Compute the chance that chi-square gives more than x, for whole degrees of freedom."
    if x <= 0 or degrees < 1:
        return 1.0
    odd, half = degrees % 2 / 2, x / 2
    powers = np.arange(degrees // 2) + odd
    gammas = np.array([math.lgamma(power + 1) for power in powers])
    rest = np.exp(powers * math.log(half) - half - gammas).sum()
    return min(1.0, float(rest) + (math.erfc(math.sqrt(half)) if odd else 0.0))


class Drift(NamedTuple):
    "How far the live rows of one column are from those of training."

    feature: str
    effect: float  # share of the rows that are elsewhere
    p: float  # how often chance alone makes them differ so much
    rows: int


def split_counts(
    reference: dict,
    counts: np.ndarray,  # from count_rows
) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    "Give each column of the reference, with its rows of training and its live rows by bin."
    start = 0
    for column in reference["columns"]:
        known = np.array(column["counts"])
        yield column, known, counts[start : start + len(known)]
        start += len(known)


def compare(
    reference: dict,
    counts: np.ndarray,  # from count_rows
) -> list[Drift]:  # one for each column of the reference
    "Compare live rows with the reference, column by column."
    drifts = []
    for column, known, live in split_counts(reference, counts):
        n, m = int(known.sum()), int(live.sum())
        differences = live / max(m, 1) - known / max(n, 1)
        if not (n and m):
            effect, p = 0.0, 1.0
        elif column["ordered"]:
            effect = float(np.abs(differences.cumsum()).max())
            p = kolmogorov_tail(effect * math.sqrt(n * m / (n + m)))
        else:
            effect, used = float(np.abs(differences).sum() / 2), known + live > 0
            squares = n * m * differences[used] ** 2 / (known + live)[used]
            p = chi_square_tail(float(squares.sum()), int(used.sum()) - 1)
        drifts.append(Drift(column["name"], effect, p, m))
    return drifts


def find_small(
    p_values: list[float],
    level: float = 0.05,  # the most that any false alarm may have as its chance
) -> list[bool]:  # in the order of p_values
    "Find the p-values that are small although there are many (Holm, 1979)."
    small = [False] * len(p_values)
    for number, place in enumerate(np.argsort(p_values)):
        if p_values[place] > level / (len(p_values) - number):
            break
        small[place] = True
    return small


LEAST_EFFECT, LEAST_ROWS, LEAST_REFERENCE = 0.1, 500, 5000


def why_not_compared(reference: dict, rows: int) -> str:
    "Say what is lacking for a comparison; nothing when it can be made."
    if reference["rows"] < LEAST_REFERENCE:
        return f"expected {LEAST_REFERENCE:,} rows of training, got {reference['rows']:,}"
    return f"expected {LEAST_ROWS:,} live rows, got {rows:,}" if rows < LEAST_ROWS else ""


def find_drift(
    reference: dict,
    counts: np.ndarray,  # of a whole period, from count_rows
) -> list[Drift]:  # the largest effect first; none where there are too few rows
    "Find the columns that have drifted."
    drifts = compare(reference, counts)
    if why_not_compared(reference, drifts[0].rows):
        return []
    small = find_small([drift.p for drift in drifts])
    found = [
        drift
        for drift, is_small in zip(drifts, small, strict=True)
        if is_small and round(drift.effect, 2) >= LEAST_EFFECT
    ]
    return sorted(found, key=lambda drift: -drift.effect)
