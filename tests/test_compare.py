"""Two models compared: what is promised of luck and of power, by units."""

import numpy as np
import pytest
from scipy import stats

from mlprod.compare import (
    RATIO_ALARM,
    ExperimentError,
    Z,
    check_ratio,
    compare_units,
    count_units,
    measure_power,
    plan_units,
)

MOST = int(stats.binom.ppf(0.999, 1000, 0.05))  # alarms of 1,000 at a level of 5%: 73
UNIT = {"experiment_unit": "day"}


def draw_totals(random, n_units, effect=0.0):
    "Totals of days that differ in size and weather, of a champion and a challenger."
    sizes = random.integers(40, 120, n_units).astype(float)
    weather = random.normal(0.35, 0.15, n_units)
    values = [sizes * (weather + gain + random.normal(0, 0.1, n_units)) for gain in (0, effect)]
    return [(values[0], sizes), (values[1], sizes)]


def halve(totals, random):
    "Give each unit to one of the two."
    arm = random.permutation(len(totals[0][0])) % 2 == 1
    return [
        tuple(part[side] for part in two) for two, side in zip(totals, (~arm, arm), strict=True)
    ]


def test_comparisons_are_those_of_scipy():
    "z, the interval and the degrees of freedom follow from SciPy's own t tests."
    random = np.random.default_rng(1)
    sizes = np.full(30, 7.0)
    theirs, ours = random.normal(size=(2, 30))
    for paired in (False, True):
        got = compare_units((theirs * 7, sizes), (ours * 7, sizes), paired)
        want = (
            stats.ttest_1samp(ours - theirs, 0)
            if paired
            else stats.ttest_ind(ours, theirs, equal_var=False)
        )
        ends = want.confidence_interval(0.95)
        assert 2 * stats.norm.sf(abs(got.z)) == pytest.approx(want.pvalue, abs=1e-9)
        assert got.interval() == pytest.approx((ends.low, ends.high), abs=1e-9)


@pytest.mark.parametrize("paired", [True, False])
def test_luck_is_believed_in_one_of_twenty_experiments(paired):
    "A/A by units: at most the 99.9% bound of 5% in 1,000 experiments."
    random, alarms = np.random.default_rng(2), 0
    for _ in range(1000):
        totals = draw_totals(random, 28)
        two = totals if paired else halve(totals, random)
        alarms += abs(compare_units(*two, paired).z) >= Z
    assert 20 < alarms <= MOST


def test_rows_of_assigned_days_are_no_observations():
    "By rows more than half of 300 experiments without a difference cry."
    random, alarms = np.random.default_rng(3), 0
    for _ in range(300):
        counts = [(v.sum(), n.sum() - v.sum()) for v, n in halve(draw_totals(random, 28), random)]
        alarms += stats.chi2_contingency(counts, correction=False).pvalue < 0.05
    assert alarms > 150


def test_power_is_as_computed():
    "Of 400 experiments as many find the effect as the 99.9% bounds of the power allow."
    random, n, found = np.random.default_rng(4), 20, 0
    for _ in range(400):
        theirs, ours = random.normal(size=n), random.normal(0.9, 1, n)
        found += compare_units((theirs, np.ones(n)), (ours, np.ones(n)), False).z >= Z
    power = measure_power(0.9, np.sqrt(2 / n), 2 * n - 2)
    low, high = stats.binom.interval(0.998, 400, power)
    assert 0.7 < power < 0.85 and low <= found <= high


def test_flights_need_728_crews_in_each_arm():
    "From 0.337 to 0.408 with a power of 80%."
    mean = (0.337 + 0.408) / 2
    assert count_units(0.071, np.sqrt(mean * (1 - mean))) == 728


def test_a_split_that_is_not_as_promised_is_found():
    "52 to 48 in 95% of experiments of 20,000 units; one as promised in one of a thousand."

    def cries(share):
        "How many of 1,000 experiments are found; from some distance on, all of them are."
        came = np.random.default_rng(5).binomial(20_000, share, 1000)
        far = range(20_000 // 2, 11_000)
        first = next(n for n in far if check_ratio(n, 20_000, 0.5) < RATIO_ALARM)
        return np.sum(np.abs(came - 10_000) >= first - 10_000)

    assert cries(0.52) >= 950 and cries(0.5) <= stats.binom.ppf(0.999, 1000, RATIO_ALARM)


def test_nothing_that_varies_is_no_error():
    "The same model twice: no difference, and no division by zero; two units are needed."
    totals = draw_totals(np.random.default_rng(6), 12)[0]
    same = compare_units(totals, totals, paired=True)
    assert same.z == same.difference == 0 and same.interval() == (0, 0)
    assert plan_units(totals, totals)["shadow"].eq(1).all()
    with pytest.raises(ExperimentError, match="at least two units for each model; got 1 and 1"):
        compare_units((np.ones(1), np.ones(1)), (np.ones(1), np.ones(1)), paired=True)
