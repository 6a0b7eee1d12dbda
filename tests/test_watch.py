"""What is judged from counts: broken data, drift, decay, and how sure that is."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from mlprod.watch import (
    SUMS,
    Part,
    Watched,
    estimate,
    find_broken,
    judge,
    judge_data,
    merge_days,
    observe,
)


def reference_of(values, part="", known=None):
    "A reference with one column of numbers, counted in bins of equal size, and a score."
    edges = np.unique(np.quantile(values, np.linspace(0, 1, 50)))
    edges = np.append(edges, np.nextafter(edges[-1], np.inf))
    column = {"name": "x", "place": 0, "part": part, "ordered": True, "edges": edges.tolist()}
    column["counts"] = count(edges, values).tolist()
    score = {"name": "score", "place": -1, "part": "", "ordered": True, "edges": [0.0, 1.0]}
    return {"rows": len(values), "columns": [column, score | {"counts": [0, 0, len(values), 0]}]}


def count(edges, values):
    "Count values in bins, missing ones first."
    places = np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 1)
    return np.bincount(places, minlength=len(edges) + 2)


def broken(reference, values):
    "What is said to be broken about live values."
    counts = count(np.array(reference["columns"][0]["edges"]), values)
    return [each.text for each in find_broken(reference, np.append(counts, [0, 0, len(values), 0]))]


def test_honest_days_are_not_broken_and_breaks_are():
    "2,000 honest days of twenty to a thousand rows; another unit, missing and unseen values."
    random = np.random.default_rng(5)
    reference = reference_of(random.lognormal(6, 0.6, 20_000))
    cries = sum(
        len(broken(reference, random.lognormal(6, 0.6, random.integers(20, 1000)))) > 0
        for _ in range(2000)
    )
    assert cries == 0
    found = sum(
        "another unit" in " ".join(broken(reference, 1.609 * random.lognormal(6, 0.6, 300)))
        for _ in range(100)
    )
    assert found >= 95
    missing = np.where(random.random(100) < 0.5, np.nan, random.lognormal(6, 0.6, 100))
    assert "are missing, 0% in training" in broken(reference, missing)[0]


def test_an_hour_never_seen_is_found_with_twenty_rows():
    "Rows of a wrong time zone; but the next month of the calendar is no break."
    hours = np.random.default_rng(0).integers(5, 24, 20_000).astype(float)
    edges = np.append(np.arange(24.0), np.nextafter(23.0, 24))
    reference = reference_of(hours, part="hour")
    reference["columns"][0] |= {"edges": edges.tolist(), "counts": count(edges, hours).tolist()}
    shifted = np.array([*range(6, 23), 2, 3, 1], float)
    assert "training never saw" in broken(reference, shifted)[0]
    assert broken(reference, hours[:20]) == []
    reference["columns"][0]["part"] = "month"
    assert broken(reference, shifted) == []


def test_a_finding_names_few_columns_and_says_how_many_there_are():
    "Where all 800 columns are missing, the document still fits and can be read."
    random = np.random.default_rng(0)
    reference = reference_of(random.random(9000))
    column, score = reference["columns"]
    reference["columns"] = [column | {"name": f"x{place}"} for place in range(800)] + [score]
    gone = [600, *[0] * (len(column["counts"]) - 1)]
    counts = np.array([*gone * 800, 0, 0, 600, 0])
    day = Part("2024-01-01", "2024-01-01", True, 600, 0, counts, np.zeros((1, len(SUMS))), None)
    found = judge_data(Watched(reference, [], None, False, [day]))
    assert found.state == "alarm" and found.text.endswith("; and 788 more")
    assert len(found.columns) == 12 and len(found.next) < 200


def scored(random, n, bins=50):
    "A version with calibrated scores, counted for one period; scores and labels too."
    scores = random.beta(2, 6, n)
    labels = random.random(n) < scores
    edges = np.quantile(random.beta(2, 6, 20_000), np.linspace(0, 1, bins))
    counts = count(edges, scores)
    column = {"name": "score", "place": -1, "part": "", "ordered": True, "edges": edges.tolist()}
    reference = {"rows": 20_000, "columns": [column | {"counts": counts.tolist()}]}
    return Watched(reference, ["no", "yes"], 0.4, False, []), counts, scores, labels


def test_what_is_estimated_is_right_when_labels_are_drawn_from_the_scores():
    "At 5,000 rows AUC and Brier within 0.03; precision within 0.05, in 95 of 100 periods."
    random, near = np.random.default_rng(8), 0
    for _ in range(100):
        watched, counts, scores, labels = scored(random, 5000)
        auc, brier = roc_auc_score(labels, scores), brier_score_loss(labels, scores)
        assert abs(estimate("auc", watched, counts) - auc) < 0.03
        assert abs(estimate("brier", watched, counts) - brier) < 0.03
        precision = labels[scores >= 0.4].mean()
        near += abs(estimate("precision_at_capacity", watched, counts) - precision) < 0.05
    assert near >= 95


def test_what_is_estimated_does_not_see_a_change_of_the_world():
    "The same rows with labels that no longer follow the scores: the estimate does not move."
    watched, counts, scores, labels = scored(np.random.default_rng(9), 5000)
    other = np.random.default_rng(10).permutation(labels)
    assert estimate("auc", watched, counts) > 0.6 and abs(roc_auc_score(other, scores) - 0.5) < 0.03


def make_weeks(values, rows=700):
    "Seven days for each AUC, from misses and hits of two bins; labels of all rows."
    days, none = [], np.zeros((0, len(SUMS)))
    for number, auc in enumerate(np.repeat(values, 7)):
        day = (pd.Timestamp("2024-01-01") + pd.Timedelta(days=number)).date().isoformat()
        half = rows // 14
        right = round(half * np.nan_to_num(auc))
        bins = np.array([[[0, 0], [right, half - right], [half - right, right], [0, 0]]])
        sums = np.array([[2 * half, 2 * right, half, right, 10.0, 20.0, 0.0]])
        counts = np.array([0, half, half, 0])
        known = not np.isnan(auc)
        of = (sums, bins) if known else (none, np.zeros((0, 4, 2)))
        days.append(Part(day, day, True, 2 * half, half, counts, *of))
    column = {"name": "score", "place": -1, "part": "", "ordered": True, "edges": [0.5, 1.0]}
    reference = {"rows": 9000, "columns": [column | {"counts": [0, 4500, 4500, 0]}]}
    return Watched(reference, ["no", "yes"], 0.5, False, days)


LIFE = {"watch": "week", "decay": {"metric": "auc", "below": 0.6, "above": None, "periods": 2}}


@pytest.mark.parametrize(
    "values, state, since",
    [
        ([0.7, 0.7, 0.5], "well", ""),
        ([0.7, 0.5, 0.5], "alarm", "2024-01-08"),
        ([0.5, 0.5, 0.7], "well", ""),
        ([0.5, 0.5, 0.5], "alarm", "2024-01-01"),
        ([0.5], "unknown", ""),
        ([0.7, 0.7, float("nan")], "well", ""),
        ([float("nan")] * 3, "unknown", ""),
    ],
)
def test_decay_is_the_contracts_rule(values, state, since):
    "So many periods in a row, the last of them among them; periods without labels do not count."
    watched = make_weeks(values)
    today = (pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=len(values))).date().isoformat()
    decay = judge(watched, merge_days(watched.days, "week", today), LIFE)[2]
    assert (decay.state, decay.since) == (state, since)


def test_a_period_that_has_begun_is_not_judged():
    "Neither the one that runs, nor the one in whose middle the log began."
    watched = make_weeks([0.7, 0.7, 0.7])
    periods = merge_days(watched.days[3:], "week", "2024-01-20")
    assert [part.whole for part in periods] == [False, True, False]


def test_an_interval_is_by_days():
    "Days that differ make it wide, however many rows each has."
    same, mixed = make_weeks([0.65], rows=7000), make_weeks([0.65], rows=7000)
    for place, day in enumerate(mixed.days):
        day.bins[:] = make_weeks([0.5 if place % 2 else 0.8], rows=7000).days[0].bins
    (a,), (b,) = (merge_days(each.days, "week", "2024-02-01") for each in (same, mixed))
    one, other = observe("auc", a), observe("auc", b)
    assert one.high - one.low < 0.001 and other.high - other.low > 0.1
