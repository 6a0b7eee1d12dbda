"""Drift: SciPy's statistics, few false alarms, small shifts found; nothing of a row is kept."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from mlprod.drift import (
    MOST_BINS,
    compare,
    count_bins,
    count_rows,
    find_drift,
    find_small,
    make_reference,
    pick_scores,
    why_not_compared,
)

NUMBER = {"kind": "number", "range": [-1e9, 1e9], "unit": "", "description": "", "example": 1}
NUMBER |= {"may_be_missing": True}
BOUND = 73  # alarms in 1,000 windows: the 99.9% bound of 5%


def count(reference, matrix, scores):
    "Count rows with all of their scores."
    return count_rows(reference, matrix, pick_scores(scores))


def describe(*columns):
    "A contract with these columns as features."
    specs = {f"x{place}": NUMBER | column for place, column in enumerate(columns)}
    return {"features": list(specs), "columns": specs}


def test_effects_and_chances_equal_scipys():
    "Kolmogorov-Smirnov and chi-square of the binned columns, to 1e-9."
    random = np.random.default_rng(0)
    contract = describe({}, {"kind": "category", "values": list("abcde"), "example": "a"})

    def draw(n, shift):
        numbers = random.integers(0, 40, n) + shift
        codes = random.choice(5, n, p=np.roll([0.3, 0.3, 0.2, 0.1, 0.1], shift))
        return np.column_stack([numbers, codes]).astype("float32"), np.full((n, 2), 0.5)

    for shift in (0, 1):
        then, now = draw(6000, 0), draw(700, shift)
        reference = make_reference(*then, contract)
        number, category, score = compare(reference, count(reference, *now))
        effect = stats.ks_2samp(then[0][:, 0], now[0][:, 0], method="asymp").statistic
        assert abs(number.effect - effect) < 1e-9
        root = np.sqrt(6000 * 700 / 6700)
        assert abs(number.p - stats.kstwobign.sf(root * effect)) < 1e-9
        table = [np.bincount(part[0][:, 1].astype(int), minlength=5) for part in (then, now)]
        assert abs(category.p - stats.chi2_contingency(table, correction=False).pvalue) < 1e-9
        moved = np.abs(table[0] / 6000 - table[1] / 700).sum() / 2
        assert abs(category.effect - moved) < 1e-9
        assert (score.effect, score.rows) == (0, 700)


@pytest.fixture(scope="module")
def alarms():
    "Windows of 500 rows with 20 columns: alarms without drift, and those that find 0.3 sigma."
    random = np.random.default_rng(11)
    contract = describe(*[{}] * 20)
    quiet = found = 0
    for _ in range(5):  # references
        matrix = random.normal(size=(5000, 20)).astype("float32")
        reference = make_reference(matrix, random.random((5000, 2)), contract)
        edges = np.array(reference["columns"][3]["edges"], "float32")
        for _ in range(200):
            window = random.normal(size=(500, 20)).astype("float32")
            counts = count(reference, window, random.random((500, 2)))
            quiet += len(find_drift(reference, counts)) > 0
            moved = count_bins(edges, window[:, 3] + np.float32(0.3))
            counts[3 * len(moved) : 4 * len(moved)] = moved
            found += "x3" in [drift.feature for drift in find_drift(reference, counts)]
    return SimpleNamespace(quiet=quiet, found=found)


def test_without_drift_there_are_few_alarms(alarms):
    "1,000 windows, 20 columns, several references: no more than chance explains at 5%."
    assert alarms.quiet <= BOUND


def test_a_small_shift_in_one_of_many_columns_is_found(alarms):
    "0.3 sigma in one of 20 columns, at 500 rows, in at least 95% of the windows."
    assert alarms.found >= 950


def test_holm_is_what_statisticians_call_holm():
    "Against the definition: adjusted p-values, made monotone, at most the level."
    random = np.random.default_rng(3)
    for _ in range(200):
        p = random.random(7) ** 3
        order = np.argsort(p)
        adjusted = np.maximum.accumulate(p[order] * np.arange(7, 0, -1))
        expected = np.empty(7, bool)
        expected[order] = adjusted <= 0.05
        assert [bool(each) for each in find_small(list(p))] == expected.tolist()


def test_too_few_rows_are_no_drift_and_the_reason_is_given():
    "Below 500 live rows or 5,000 of training nothing is compared, however far it lies."
    contract, random = describe({}), np.random.default_rng(0)
    for n, m, says in [(5000, 499, "500 live rows, got 499"), (4999, 500, "5,000 rows of train")]:
        matrix = random.normal(size=(n, 1)).astype("float32")
        reference = make_reference(matrix, random.random((n, 2)), contract)
        far = count(reference, np.full((m, 1), 9, "float32"), random.random((m, 2)))
        assert find_drift(reference, far) == [] and says in why_not_compared(reference, m)


@pytest.mark.parametrize(
    "values",
    [[], [np.nan] * 3, [5.0], [0.0, -0.0, 1e9], [1e-30, 2e-30], list(range(10_000))],
    ids=["none", "missing", "one", "zeros", "tiny", "many"],
)
def test_any_column_is_counted_whole(values):
    "Every row of any column is in exactly one bin, and what training saw is never outside."
    matrix = np.array(values, "float32").reshape(-1, 1)
    reference = make_reference(matrix, np.full((len(matrix), 2), 0.5), describe({}))
    (column, _) = reference["columns"]
    assert sum(column["counts"]) == len(values) and len(column["edges"]) <= MOST_BINS + 1
    assert column["counts"][0] == sum(np.isnan(values)) and column["counts"][1] == 0
    assert column["counts"][-1] == 0
    live = np.array([[np.nan], [-1e9], [0], [5], [1e9]], "float32")
    counts = count(reference, live, np.full((5, 2), 0.5))
    assert counts[: len(column["counts"])].sum() == 5 and counts[0] == 1


@pytest.mark.parametrize("labels", [1, 2, 4])
def test_counts_of_parts_add_up_for_every_kind_of_target(labels):
    "An amount, two labels and several: parts give what all rows give, through JSON too."
    random = np.random.default_rng(labels)
    values = [f"v{number}" for number in range(300)]
    contract = describe({}, {"kind": "category", "values": values, "example": "v0"})
    codes = random.integers(-2, 300, 4000)
    matrix = np.column_stack([random.normal(size=4000), codes]).astype("float32")
    scores = random.dirichlet(np.ones(labels), 4000) * (1 if labels > 1 else random.random())
    reference = json.loads(json.dumps(make_reference(matrix, scores, contract)))
    whole = count(reference, matrix, scores)
    places = np.split(np.arange(4000), 8)
    parts = sum(count(reference, matrix[part], scores[part]) for part in places)
    assert (whole == parts).all() and len(whole) < 3 * (MOST_BINS + 4)
    assert max(drift.effect for drift in compare(reference, whole)) == 0
    category = reference["columns"][1]
    assert category["counts"][0] == (codes == -2).sum(), "missing ones stand first"
    assert category["counts"][2] == (codes == -1).sum(), "unknown ones have a bin of their own"


def test_a_reference_keeps_no_personal_column():
    "Neither its name nor a value of it; the others keep their places."
    contract = describe({}, {"personal": True}, {})
    matrix = np.array([[1, 1951, 3]] * 10, "float32")
    reference = make_reference(matrix, np.full((10, 2), 0.5), contract)
    assert [column["name"] for column in reference["columns"]] == ["x0", "x2", "score"]
    assert "1951" not in json.dumps(reference)
    live = count(reference, np.array([[1, 0, 3]] * 10, "float32"), np.full((10, 2), 0.5))
    assert max(drift.effect for drift in compare(reference, live)) == 0
