"""Tell broken data, drift and decay apart from the log's counts, and say what to do."""

import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import msgspec
import numpy as np

from drift import (
    chi_square_tail,
    compare,
    find_drift,
    kolmogorov_tail,
    split_counts,
    why_not_compared,
)

SUMS = ("rows", "right", "acted", "hits", "squared", "absolute", "signed")  # of labelled rows


@dataclass(frozen=True, eq=False)
class Part:
    "What the log has counted of one day, or of several."

    first: str  # day, 2023-03-06
    last: str
    whole: bool  # whether nothing is lacking at its ends
    rows: int
    acted: int
    counts: np.ndarray  # by the bins of the reference
    sums: np.ndarray  # (n_days, len(SUMS)), of labelled rows
    bins: np.ndarray  # (n_days, n_bins, n_labels), labelled rows by score and label


class Watched(NamedTuple):
    "What the log has counted of one version, day by day."

    reference: dict
    labels: list[str]  # none where the target is an amount
    threshold: float | None
    chosen: bool  # whether labels are chosen by the score, but for a drawn tenth
    days: list[Part]


def read_watched(log: sqlite3.Connection, version: str) -> Watched | None:
    "Read what the log has counted of a version; None where it has answered nothing yet."
    sql = "select reference, labels, threshold, chosen from versions, about where version = ?"
    found = log.execute(sql, (version,)).fetchone()
    if found is None:
        return None
    reference, labels = map(msgspec.json.decode, found[:2])
    n_bins, chosen, outcomes = len(reference["columns"][-1]["counts"]), bool(found[3]), {}
    sql = f"select day, {', '.join(SUMS)}, counts from outcomes where version = ? and drawn >= ?"
    for day, *sums, blob in log.execute(sql, (version, int(chosen))):
        bins = np.frombuffer(blob, "int64").reshape(1, n_bins, -1)
        old = outcomes.get(day, (0, 0))
        outcomes[day] = np.array([sums], float) + old[0], bins + old[1]
    none = np.zeros((0, len(SUMS))), np.zeros((0, n_bins, max(1, len(labels))), "int64")
    sql = "select day, rows, acted, counts from days where version = ? order by day"
    days = [
        Part(day, day, True, rows, acted, np.frombuffer(blob, "int64"), *outcomes.get(day, none))
        for day, rows, acted, blob in log.execute(sql, (version,))
    ]
    return Watched(reference, labels, found[2], chosen, days)


def period_of(day: str, watch: str) -> tuple[str, str]:  # watch: day, week or month
    "Find the first and the last day of the period that holds a day."
    first = last = date.fromisoformat(day)
    if watch == "week":
        first -= timedelta(days=first.weekday())
        last = first + timedelta(days=6)
    elif watch == "month":
        first = first.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.isoformat(), last.isoformat()


def merge_days(
    days: list[Part],
    watch: str,  # day, week or month
    today: str,  # the day that is not over
) -> list[Part]:  # the oldest first
    "Add days up to periods; one is whole if the log had begun when it began, and it is over."
    groups = {}
    for day in days:
        groups.setdefault(period_of(day.first, watch), []).append(day)
    return [
        Part(
            first, last, days[0].first <= first and last < today,
            sum(day.rows for day in part), sum(day.acted for day in part),
            sum(day.counts for day in part),
            np.concatenate([day.sums for day in part]), np.concatenate([day.bins for day in part]),
        )
        for (first, last), part in groups.items()
    ]  # fmt: skip


LEAST_DAY, CHANCE = 20, 1e-5  # rows of a day that is looked at; of a false alarm, each time


class Broken(NamedTuple):
    "What is wrong with a column that somebody sends."

    feature: str
    text: str  # in words


def chance_of(many: int, expected: float) -> float:
    "Compute the chance of so many rare things, or more, where few are expected (Poisson)."
    terms = [math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(many)]
    return max(0.0, 1 - sum(terms))


FACTORS = np.geomspace(0.1, 10, 461)  # 1% apart


def find_factor(column: dict, known: np.ndarray, live: np.ndarray) -> float | None:
    "Find what a number looks multiplied by; None unless that explains most of its change."
    edges, n, m = np.array(column["edges"]), known[1:].sum(), live[1:].sum()
    if column["part"] or len(edges) < 10 or edges[0] <= 0 or not (n and m):
        return None
    then, now = known[1:-1].cumsum() / n, live[1:-1].cumsum() / m  # shares below each edge
    before = np.abs(now - then).max()
    if before < 0.2 or kolmogorov_tail(before * math.sqrt(n * m / (n + m))) > CHANCE:
        return None
    places = FACTORS[:, None] * edges
    inside = (places >= edges[0]) & (places <= edges[-1])
    after = np.where(inside, np.abs(np.interp(places, edges, now) - then), 0).max(axis=1)
    after[inside.mean(axis=1) < 0.5] = 1.0
    return float(FACTORS[after.argmin()]) if after.min() <= before / 2 else None


def explain(column: dict, known: np.ndarray, live: np.ndarray) -> Iterator[str]:
    "Say what is wrong with a column, each of it in words."
    n, m = known.sum(), live.sum()
    pooled = (known[0] + live[0]) / (n + m)
    step = live[0] / m - known[0] / n
    square = step**2 / (pooled * (1 - pooled) * (1 / n + 1 / m) or 1)
    if abs(step) >= 0.1 and chi_square_tail(square, 1) < CHANCE:
        yield f"{live[0] / m:.0%} are missing, {known[0] / n:.0%} in training"
    new = int(live[1:][known[1:] == 0].sum())
    if not column["ordered"]:
        if live[2] > m / 2 > m * known[2] / n:  # behind the missing ones, and none
            yield f"{live[2] / m:.0%} are values that the contract does not list"
    elif column["part"] in ("day", "month"):
        return  # the calendar goes on
    elif new >= 0.01 * m and chance_of(new, 3 * m / n) < CHANCE:
        yield f"{new / m:.0%} are values that training never saw"
    if column["ordered"] and (factor := find_factor(column, known, live)):
        yield f"as if multiplied by about {factor:.1f} (another unit?)"


def find_broken(reference: dict, counts: np.ndarray) -> list[Broken]:
    "Find the columns whose source seems to be at fault."
    columns = list(split_counts(reference, counts))[:-1]  # nobody sends the score
    return [
        Broken(column["name"], text)
        for column, known, live in columns
        if known.sum() and live.sum() >= LEAST_DAY
        for text in explain(column, known, live)
    ]


def measure_auc(
    bins: np.ndarray,  # (r, n_bins, 2) rows by score and label
) -> np.ndarray:  # (r,) NaN where a label is lacking
    "Measure AUC from counts: the share of pairs that the scores put in the right order."
    misses, hits = bins[..., 0], bins[..., 1]
    below = np.cumsum(misses, axis=1) - misses
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    won = (hits * (below + misses / 2)).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(bins), np.nan), where=pairs > 0)


LESS_IS_BETTER = ("brier", "mae", "rmse", "bias")


def measure(metric: str, sums: np.ndarray, bins: np.ndarray) -> np.ndarray:  # (r,) NaN: not known
    "Measure a metric from sums, (r, len(SUMS)), and bins, (r, n_bins, n_labels)."
    of = dict(zip(SUMS, sums.T, strict=True))
    if metric == "auc" and bins.shape[2] == 2:
        return measure_auc(bins)
    parts = {
        "accuracy": (of["right"], of["rows"]),
        "brier": (of["squared"], of["rows"]),
        "mae": (of["absolute"], of["rows"]),
        "rmse": (of["squared"], of["rows"]),
        "bias": (np.abs(of["signed"]), of["rows"]),
        "precision_at_capacity": (of["hits"], of["acted"]),
        "recall_at_capacity": (of["hits"], bins[..., -1].sum(axis=1)),
    }
    above, under = parts.get(metric, (np.zeros(len(sums)), np.zeros(len(sums))))
    share = np.divide(above, under, out=np.full(len(sums), np.nan), where=under > 0)
    return np.sqrt(share) if metric == "rmse" else share


class Observed(NamedTuple):
    "What labels say of a period."

    value: float  # NaN: too few labels
    low: float  # of the middle 95% when its days are drawn again and again
    high: float
    labelled: float  # share of the rows


LEAST_LABELS, DRAWS = 100, 300  # of a period, to be judged; times that its days are drawn


def observe(metric: str, part: Part, share: float = 1.0) -> Observed:  # of the rows that get labels
    "Measure a period by its labels, and how sure that is."
    n_days, labelled = len(part.sums), int(part.sums[:, 0].sum())
    if labelled < LEAST_LABELS:
        return Observed(*[math.nan] * 3, labelled / max(part.rows * share, 1))
    random = np.random.default_rng(0)
    weights = random.multinomial(n_days, np.full(n_days, 1 / n_days), DRAWS)
    weights = np.concatenate([np.ones((1, n_days)), weights])  # the first is the period itself
    bins = (weights @ part.bins.reshape(n_days, -1)).reshape(-1, *part.bins.shape[1:])
    value, *drawn = measure(metric, weights @ part.sums, bins)
    drawn = [each for each in drawn if not math.isnan(each)]
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (math.nan, math.nan)
    return Observed(float(value), float(low), float(high), labelled / max(part.rows * share, 1))


def estimate(metric: str, watched: Watched, counts: np.ndarray) -> float:  # NaN: cannot be
    "Estimate a metric from scores alone, as if each of them were the chance that it says it is."
    column = watched.reference["columns"][-1]
    edges, live = np.array(column["edges"]), counts[-len(column["counts"]) :][1:]
    if len(watched.labels) != 2 or not live.sum():
        return math.nan
    chance = np.clip(np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]]), 0, 1)
    if metric == "auc":
        return float(measure_auc(np.stack([live * (1 - chance), live * chance], axis=1)[None])[0])
    if metric == "brier":
        return float((live * chance * (1 - chance)).sum() / live.sum())
    if metric == "precision_at_capacity" and watched.threshold is not None:
        acted = live * (chance >= watched.threshold)
        return float((acted * chance).sum() / acted.sum()) if acted.sum() else math.nan
    return math.nan


class Finding(NamedTuple):
    "One of the three verdicts."

    kind: str  # broken, drift or decay
    state: str  # well, alarm or unknown
    since: str  # day; empty without an alarm
    columns: tuple[str, ...]
    text: str  # what was seen, and how sure
    next: str  # what to do


def find_since(parts: list[Part], alarms: Callable[[Part], bool]) -> str:
    "Find since when an alarm that holds at the end has held; at most sixty parts back."
    since = parts[-1].first
    for part in parts[-2:-61:-1]:
        if not alarms(part):
            break
        since = part.first
    return since


def judge_data(watched: Watched) -> Finding:
    "Judge whether the data is broken, by the last day that has enough rows."
    days = [day for day in watched.days if day.rows >= LEAST_DAY]
    if not days:
        text = f"expected a day with {LEAST_DAY} rows, got none"
        return Finding("broken", "unknown", "", (), text, "Wait for more rows.")
    found = find_broken(watched.reference, days[-1].counts)
    if not found:
        text = f"{days[-1].first}: nothing jumped to missing, to unseen values, or to another unit"
        return Finding("broken", "well", "", (), text, "")
    since = find_since(days, lambda day: len(find_broken(watched.reference, day.counts)) > 0)
    text = "; ".join(f"{broken.feature}: {broken.text}" for broken in found)
    columns = tuple(dict.fromkeys(broken.feature for broken in found))
    advice = "Ask who sends " + " and ".join(columns) + ", and mend it there. Do not retrain on it."
    return Finding("broken", "alarm", since, columns, text, advice)


def judge_drift(watched: Watched, periods: list[Part], watch: str) -> Finding:
    "Judge whether the rows have drifted, by the last whole period."
    whole = [part for part in periods if part.whole]
    rows = whole[-1].rows if whole else 0
    if reason := why_not_compared(watched.reference, rows) if whole else f"no whole {watch} yet":
        return Finding("drift", "unknown", "", (), reason, "Wait for more rows.")
    found = find_drift(watched.reference, whole[-1].counts)
    if not found:
        largest = max(compare(watched.reference, whole[-1].counts), key=lambda drift: drift.effect)
        text = f"at most {largest.effect:.0%} of the rows are elsewhere ({largest.feature})"
        return Finding("drift", "well", "", (), text, "")
    since = find_since(whole, lambda part: len(find_drift(watched.reference, part.counts)) > 0)
    parts = [f"{drift.feature}: {drift.effect:.0%} of the rows are elsewhere" for drift in found]
    chance = max(drift.p for drift in found)
    text = "; ".join(parts) + (f" (p = {chance:.1g})" if chance > 1e-9 else " (p < 1e-9)")
    advice = "Ask what has changed. Whether the model is worse, only labels can say: get them soon."
    return Finding("drift", "alarm", since, tuple(drift.feature for drift in found), text, advice)


def list_judged(
    watched: Watched, periods: list[Part], metric: str
) -> list[tuple[Part, Observed]]:  # the oldest first
    "List the whole periods whose labels are there, with what they say."
    share, judged = 0.1 if watched.chosen else 1.0, []
    whole = [part for part in periods if part.whole]
    for part in whole:
        seen = observe(metric, part, share)
        if not math.isnan(seen.value) and (seen.labelled >= 0.8 or part is not whole[-1]):
            judged.append((part, seen))
    return judged


def is_worse(rule: dict, value: float) -> bool:  # rule: the contract's life.decay
    "Say whether a metric is beyond the limit of the contract."
    if rule.get("below") is not None:
        return value < rule["below"]
    return value > rule["above"]


def name_metric(metric: str) -> str:
    "Name a metric for a person."
    return metric.upper() if metric in ("auc", "mae", "rmse") else metric.replace("_", " ")


RETRAIN = "Train again on newer labelled rows; the gate decides whether the result is better."


def judge_decay(watched: Watched, periods: list[Part], rule: dict | None, watch: str) -> Finding:
    "Judge whether the model has become worse, by the contract's rule."
    if rule is None:
        text = "the contract names no limit"
        return Finding("decay", "unknown", "", (), text, "Add life.decay to the contract.")
    judged, metric = list_judged(watched, periods, rule["metric"]), rule["metric"]
    if len(judged) < rule["periods"]:
        text = f"labels for {len(judged)} whole {watch}s, {rule['periods']} are needed"
        advice = "Report what really happened to /feedback."
        return Finding("decay", "unknown", "", (), text, advice)
    worse = {part.first: is_worse(rule, seen.value) for part, seen in judged}
    part, seen = judged[-1]
    side = "below" if rule.get("below") is not None else "above"
    text = f"{name_metric(metric)} {seen.value:.3f} (from {seen.low:.3f} to {seen.high:.3f}, by "
    text += f"days) in the {watch} of {part.first}"
    if not all(list(worse.values())[-rule["periods"] :]):
        return Finding("decay", "well", "", (), text, "")
    since = find_since([each for each, _ in judged], lambda each: worse[each.first])
    text += f"; {side} {rule[side]:g} for {rule['periods']} {watch}s or more"
    return Finding("decay", "alarm", since, (), text, RETRAIN)


def judge(
    watched: Watched,
    periods: list[Part],
    life: dict,  # the contract's
) -> list[Finding]:
    "Give the three verdicts."
    watch = life.get("watch") or "week"
    return [
        judge_data(watched),
        judge_drift(watched, periods, watch),
        judge_decay(watched, periods, life.get("decay"), watch),
    ]
