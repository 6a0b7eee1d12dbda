"""Whether all is well; if not, which of the three it is, since when, and what to do."""

import math
import re
import sqlite3
from contextlib import closing
from typing import NamedTuple

import numpy as np
from flask import Blueprint, Response, current_app
from werkzeug.exceptions import abort

from drift import LEAST_EFFECT, split_counts
from errors import json_response, page_response, wants_page
from log import LogError, day_of, zone_of
from metrics import write_metrics
from model import Artifact, ArtifactError
from watch import (
    Finding,
    Observed,
    Part,
    Watched,
    estimate,
    judge,
    list_judged,
    merge_days,
    name_metric,
    read_watched,
)

ORDER = ("broken", "decay", "drift")  # the first explains the others
HEADLINES = {
    "broken": "The data is broken",
    "decay": "The model has become worse",
    "drift": "The rows have changed",
    "well": "All is well",
    "unknown": "No alarm, but not everything could be looked at",
}


def choose_headline(findings: list[Finding]) -> tuple[str, str]:  # state; sentence
    "Choose what stands at the top: the alarm that explains the others, or that nothing is wrong."
    alarms = {finding.kind for finding in findings if finding.state == "alarm"}
    for kind in ORDER:
        if kind in alarms:
            return "alarm", HEADLINES[kind]
    state = "well" if all(finding.state == "well" for finding in findings) else "unknown"
    return state, HEADLINES[state]


def list_effects(reference: dict, parts: list[Part]) -> np.ndarray:  # (n_parts, n_columns)
    "Measure the effect of every column in every part: the share of rows that are elsewhere."
    effects, counts = [], np.stack([part.counts for part in parts], axis=1)
    for column, known, live in split_counts(reference, counts):
        shares = live / np.maximum(live.sum(axis=0), 1)
        moved = shares - (known / max(known.sum(), 1))[:, None]
        if column["ordered"]:
            effects.append(np.abs(moved.cumsum(axis=0)).max(axis=0))
        else:
            effects.append(np.abs(moved).sum(axis=0) / 2)
    return np.stack(effects, axis=1)


def describe_change(column: dict, known: np.ndarray, live: np.ndarray, values: list) -> str:
    "Say what a column has more of than in training; values are the names of its categories."
    moved = live / max(live.sum(), 1) - known / max(known.sum(), 1)
    most = int(moved.argmax())
    if most == 0:
        return f"missing: {live[0] / max(live.sum(), 1):.0%}"
    if column["ordered"]:
        return "lower" if moved[1:].cumsum().sum() > 0 else "higher"
    place = column["edges"][most - 2] if most > 1 else -1
    name = "unknown to the contract" if place < 0 else values[int(place)]
    return f"more {name}: {live[most] / max(live.sum(), 1):.0%}"


MOST_PERIODS, MOST_COLUMNS = 26, 12  # that the page shows


class View(NamedTuple):
    "What the page shows."

    artifact: Artifact
    watch: str  # day, week or month
    metric: str
    findings: list[Finding]
    watched: Watched | None  # nothing has been answered yet
    periods: list[Part]
    observed: list[Observed]  # of each period; nothing before its labels are there


def look() -> View:
    "Look at the log of the version in service; raises ArtifactError, LogError or an HTTP error."
    service = current_app.extensions["service"]
    artifact = service.in_service.artifact()
    if service.log is None:
        abort(404, "this app keeps no log, so it sees nothing: start it with PREDICTION_LOG")
    try:
        with closing(service.log.open(artifact.project)) as log:
            watched = read_watched(log, artifact.version)
    except sqlite3.Error as error:
        raise LogError(f"the log cannot be read: {error}") from None
    life = artifact.contract.get("life") or {}
    watch, rule = life.get("watch") or "week", life.get("decay")
    main = {0: "mae", 2: "auc"}.get(len(artifact.labels), "accuracy")
    metric = rule["metric"] if rule else main
    if watched is None:
        findings = [Finding(kind, "unknown", "", (), "no row yet", "") for kind in KINDS]
        return View(artifact, watch, metric, findings, None, [], [])
    today = day_of(service.clock(), zone_of(artifact.contract))
    periods = merge_days(watched.days, watch, today)[-MOST_PERIODS:]
    judged = {part.first: seen for part, seen in list_judged(watched, periods, metric)}
    observed = [judged.get(part.first, NOTHING) for part in periods]
    return View(artifact, watch, metric, judge(watched, periods, life), watched, periods, observed)


NOTHING = Observed(math.nan, math.nan, math.nan, 0.0)
KINDS = {
    "broken": "Broken data",
    "drift": "Drift",
    "decay": "Decay",
}


def draw(values: list[float], low: float, high: float) -> list[tuple[float, float] | None]:
    "Place values in a box of 1,000 by 100; None where there is no value."
    places = (np.arange(len(values)) + 0.5) * 1000 / max(len(values), 1)
    heights = 100 - 100 * np.clip((np.array(values, float) - low) / max(high - low, 1e-9), 0, 1)
    pairs = zip(places.round(1).tolist(), heights.round(1).tolist(), strict=True)
    return [None if math.isnan(height) else (place, height) for place, height in pairs]


def find_ends(*lists: list[float]) -> tuple[float, float]:
    "Find the ends of an axis that holds all values, with some room; NaN does not count."
    known = [value for values in lists for value in values if not math.isnan(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = (high - low) * 0.1 or 0.05
    return low - room, high + room


class Chart(NamedTuple):
    "What a chart draws, placed in its box."

    title: str
    low: str  # what stands at the ends of its axis
    high: str
    points: list  # each a place or None
    ranges: list  # the ends of each point's interval, or None
    guess: list  # what is estimated
    limit: float | None  # height of a line
    bars: bool


def make_chart(
    title: str,
    values: list[float],
    form: str = "{:,.0f}",
    bars: bool = False,
    limit: float | None = None,
    ranges: list[tuple[float, float]] = (),
    guess: list[float] = (),
) -> Chart:
    "Lay out a chart."
    ends = find_ends(values, guess, *map(list, ranges), [] if limit is None else [limit])
    low, high = (0.0, max(ends[1], 1e-9)) if bars else ends
    lines = [draw([pair[side] for pair in ranges], low, high) for side in (0, 1)]
    height = None if limit is None else draw([limit], low, high)[0][1]
    texts = form.format(low), form.format(high)
    return Chart(
        title, *texts, draw(values, low, high), list(zip(*lines, strict=True)),
        draw(list(guess), low, high), height, bars,
    )  # fmt: skip


def make_charts(view: View) -> list[Chart]:
    "Draw volume, score, drift and performance, period by period."
    watched, periods = view.watched, view.periods
    score, counts = watched.reference["columns"][-1], [part.counts for part in periods]
    charts = [make_chart(f"Rows a {view.watch}", [part.rows for part in periods], bars=True)]
    if score["ordered"]:
        edges, size = np.array(score["edges"]), len(score["counts"])
        middles = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
        rows = [each[1 - size :] for each in counts]  # without the missing ones
        means = [float(each @ middles / max(each.sum(), 1)) for each in rows]
        charts.append(make_chart("Mean score", means, "{:,.3g}"))
    largest = list_effects(watched.reference, periods).max(axis=1).tolist()
    whole = [part.whole for part in periods]
    effects = [each if one else math.nan for each, one in zip(largest, whole, strict=True)]
    title = "Drift: share of rows elsewhere, in the column with the most"
    charts.append(make_chart(title, effects, "{:.0%}", bars=True, limit=LEAST_EFFECT))
    rule = (view.artifact.contract.get("life") or {}).get("decay") or {}
    limit = rule.get("below") if rule.get("below") is not None else rule.get("above")
    values = [seen.value for seen in view.observed]
    ranges = [(seen.low, seen.high) for seen in view.observed]
    guess = [estimate(view.metric, watched, each) for each in counts]
    title = f"{name_metric(view.metric)} by labels, with 95% intervals by days"
    more = {"limit": limit, "ranges": ranges, "guess": guess}
    return [*charts, make_chart(title, values, "{:.2f}", **more)]


ROUTE = "/(?:predict|invocations)"
BUCKET = re.compile(rf'app_request_seconds_bucket{{le="([^"]+)",route="{ROUTE}"}} (\S+)')


def read_latency(metrics: str) -> tuple[int, float, float] | None:  # requests; seconds: half, 95%
    "Read from metrics how quickly predictions are answered, since the app's start."
    counts = {}
    for end, count in BUCKET.findall(metrics):
        counts[float(end)] = counts.get(float(end), 0) + float(count)
    total = counts.get(math.inf, 0)
    if not total:
        return None
    half, most = (
        min(end for end, count in counts.items() if count >= share * total) for share in (0.5, 0.95)
    )
    return int(total), half, most


def list_columns(view: View) -> list[tuple[str, float, str]]:  # name, effect, what there is more of
    "List the columns that have moved most in the last whole period, or in this one."
    part = ([part for part in view.periods if part.whole] or view.periods)[-1]
    effects = list_effects(view.watched.reference, [part])[0].tolist()
    specs, lines = view.artifact.contract["columns"], []
    for effect, (column, known, live) in zip(
        effects, split_counts(view.watched.reference, part.counts), strict=True
    ):
        values = (specs.get(column["name"]) or {}).get("values") or view.artifact.labels
        lines.append((column["name"], effect, describe_change(column, known, live, values)))
    return sorted(lines, key=lambda line: -line[1])[:MOST_COLUMNS]


monitor = Blueprint("monitor", __name__)


def plain(value: float) -> float | None:
    "Write a number for JSON, which has none for what is not known."
    return None if math.isnan(value) else round(value, 6)


def list_periods(view: View) -> list[dict]:
    "List the periods for a program."
    if view.watched is None:
        return []
    names = [column["name"] for column in view.watched.reference["columns"]]
    effects = list_effects(view.watched.reference, view.periods)
    return [
        {
            "first": part.first, "last": part.last, "whole": part.whole,
            "rows": part.rows, "acted": part.acted,
            "effects": dict(zip(names, map(plain, line.tolist()), strict=True)),
            "observed": dict(zip(Observed._fields, map(plain, seen), strict=True)),
            "estimated": plain(estimate(view.metric, view.watched, part.counts)),
        }
        for part, seen, line in zip(view.periods, view.observed, effects, strict=True)
    ]  # fmt: skip


@monitor.get("/monitor")
def show_monitor() -> Response:
    "Show whether all is well: as a page in a browser, else as JSON."
    view = look()
    state, headline = choose_headline(view.findings)
    if wants_page():
        known = view.watched is not None
        values = [seen.value for seen in view.observed if not math.isnan(seen.value)]
        first = [each for kind in ORDER for each in view.findings if each[:2] == (kind, state)]
        response = page_response(
            "monitor.html", view=view, artifact=view.artifact, state=state, headline=headline,
            kinds=KINDS, first=first[0] if first and state != "well" else None,
            charts=make_charts(view) if known else [],
            columns=list_columns(view) if known else [], metric=name_metric(view.metric),
            band=(min(values), max(values)) if values else None,
            latency=read_latency(write_metrics(view.artifact.version).decode()),
        )  # fmt: skip
    else:
        findings = [finding._asdict() for finding in view.findings]
        content = {"version": view.artifact.version, "state": state, "headline": headline}
        content |= {"metric": view.metric, "findings": findings, "periods": list_periods(view)}
        response = json_response(content)
    response.vary.add("Accept")
    return response


def write_verdicts() -> str:  # Prometheus text
    "Write the verdicts as lines of metrics; nothing is known where the log cannot be read."
    alarms, unknown = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 1)
    lines, effects = [], []
    if current_app.extensions["service"].log is not None:
        try:
            view = look()
        except (ArtifactError, LogError):
            view = None
        for finding in view.findings if view else ():
            alarms[finding.kind] = int(finding.state == "alarm")
            unknown[finding.kind] = int(finding.state == "unknown")
        if view and view.watched:
            effects = [(name, effect) for name, effect, _ in list_columns(view)]
    for name, text, values in [
        ("app_monitor_alarm", "Whether a verdict is an alarm", alarms),
        ("app_monitor_unknown", "Whether a verdict could not be given", unknown),
    ]:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{verdict="{kind}"}} {value}' for kind, value in values.items()]
    if effects:
        name = "app_monitor_effect"
        lines += [f"# HELP {name} Share of rows that are elsewhere", f"# TYPE {name} gauge"]
        lines += [f'{name}{{column="{column}"}} {effect:.4f}' for column, effect in effects]
    return "\n".join(lines) + "\n"


@monitor.record
def add_metrics(state) -> None:
    "Add the verdicts to /metrics when the page is registered."
    state.app.extensions["metrics"].append(write_verdicts)
