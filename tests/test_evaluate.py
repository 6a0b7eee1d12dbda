"""Who is selected, from which score on, and how sure is the difference?"""

import numpy as np
import pytest

from mlprod.contract import Value
from mlprod.evaluate import (
    choose_threshold,
    count_ranks,
    draw_differences,
    precision_at,
    rank_scores,
    select_top,
    value_of,
)


@pytest.mark.parametrize("capacity", [0.001, 0.1, 0.333, 0.5, 0.999])
def test_capacity_selects_exactly_its_share(capacity):
    "From the top, and never half of a row that is above another."
    random = np.random.default_rng(1)
    ranks = rank_scores(random.integers(0, 12, 500))
    rows, hits = count_ranks(ranks, random.random(500) < 0.3)
    selected = select_top(rows, capacity)

    assert selected @ rows == pytest.approx(capacity * 500)
    assert (np.diff(selected) >= 0).all() and ((selected > 0) & (selected < 1)).sum() <= 1
    assert 0 <= precision_at(rows, hits, capacity) <= 1


def test_scores_that_are_all_alike_choose_at_random():
    "Precision is then the base rate, whatever the order of the rows."
    hits = np.arange(100) < 20
    assert precision_at(*count_ranks(np.zeros(100, dtype=int), hits), 0.1) == pytest.approx(0.2)
    assert (np.full(9, 0.3) >= choose_threshold(np.full(9, 0.3), 0.1)).all()


def test_a_threshold_selects_a_share_that_no_other_threshold_comes_nearer_to():
    "Whatever ties there are, and however many rows."
    random = np.random.default_rng(2)
    for n, distinct in ((1, 1), (7, 3), (50, 50), (500, 12)):
        scores = random.integers(0, distinct, n) / distinct
        for capacity in (0.01, 0.1, 0.5, 0.9, 1.0):
            threshold = choose_threshold(scores, capacity)
            nearest = min(abs((scores >= cut).mean() - capacity) for cut in np.unique(scores))
            assert abs((scores >= threshold).mean() - capacity) == pytest.approx(nearest)


def test_an_interval_covers_the_true_difference_about_as_often_as_it_says():
    "Of 100 samples whose true difference is 0.5, the interval holds it in about 95."
    random, covered = np.random.default_rng(3), 0
    for seed in range(100):
        ours, theirs = random.normal(0.5, 1, 80), random.normal(0, 1, 80)
        low, high = draw_differences(
            lambda values, weights: values @ weights / 80, ours, theirs, 80, seed
        )
        covered += low <= 0.5 <= high
    assert 88 <= covered <= 100


def test_value_is_nothing_where_gain_and_cost_are_even():
    "And grows with precision and with the share of the rows, by the owner's estimates alone."
    value = Value(unit="EUR", cost=400, gain=1500)
    assert value_of(400 / 1500, 0.3, value) == pytest.approx(0)
    assert value_of(1.0, 0.1, value) == 110_000
    assert value_of(0.0, 0.2, value) == -80_000
