"""Show what the monitor found, as a page and for Prometheus, and how old it is."""

import math
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import msgspec
from flask import Blueprint, Response, current_app
from werkzeug.exceptions import HTTPException, abort

from errors import json_response, page_response, wants_page
from log import LogError
from metrics import write_metrics
from model import ArtifactError

KINDS = {"broken": "Broken data", "drift": "Drift", "decay": "Decay"}
LARGEST = 2**18  # characters of a document


class Document(msgspec.Struct):
    "What the monitor has found about a version."

    version: str
    headline: str
    state: str = "unknown"  # well, alarm or unknown
    reason: str = ""  # what explains the headline
    next: str = ""  # what to do
    at: float | None = None  # seconds since 1970: when it was judged
    watch: str = "week"  # day, week or month
    metric: str = ""  # by which decay is judged
    findings: list[dict] = []  # one of each kind: kind, state, since, columns, text, next
    periods: list[dict] = []  # the oldest first
    columns: list[dict] = []  # of the last period: name, effect, text
    charts: list[dict] = []  # placed in a box of 1,000 by 100


def read_document(log: sqlite3.Connection, version: str) -> Document | None:
    "Read what was found about a version; None where nobody has looked; raises LogError."
    sql = "select document from findings where version = ? and length(document) <= ?"
    found = log.execute(sql, (version, LARGEST)).fetchone()
    try:
        return found and msgspec.json.decode(found[0], type=Document)
    except ValueError:
        text = "expected what this release of the app reads, got something else"
        raise LogError(f"findings about {version}: {text}: let the monitor run again") from None


PERIOD = {"day": 1, "week": 7, "month": 31}  # days
TOO_OLD = "The last verdict is too old"


def check_age(document: Document, now: float) -> Document:  # now: seconds since 1970
    "Return a document as it may be shown: after two periods nothing in it is known any more."
    if now - document.at <= 2 * 86_400 * PERIOD[document.watch]:
        return document
    findings = [finding | {"state": "unknown", "since": ""} for finding in document.findings]
    return msgspec.structs.replace(document, state="unknown", headline=TOO_OLD, findings=findings)


def find_document() -> Document:
    "Find what is known of the version in service; raises ArtifactError, LogError or HTTP errors."
    service = current_app.extensions["service"]
    artifact = service.in_service.artifact()
    if service.log is None:
        abort(404, "this app keeps no log, so nobody can judge it: start it with PREDICTION_LOG")
    try:
        with closing(service.log.open(artifact.project)) as log:
            document = read_document(log, artifact.version)
    except sqlite3.Error as error:
        raise LogError(f"the log cannot be read: {error}") from None
    if document:
        return check_age(document, service.clock())
    finding = {"state": "unknown", "since": "", "text": "nobody has looked", "next": ""}
    findings = [finding | {"kind": kind} for kind in KINDS]
    headline = "Nobody has judged this version yet"
    return Document(artifact.version, headline, findings=findings)


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


monitor = Blueprint("monitor", __name__)


@monitor.get("/monitor")
def show_monitor() -> Response:
    "Show what was found: as a page in a browser, else as JSON."
    document = find_document()
    if wants_page():
        artifact = current_app.extensions["service"].in_service.artifact()
        judged = document.at and f"{datetime.fromtimestamp(document.at, UTC):%Y-%m-%d %H:%M} UTC"
        latency = read_latency(write_metrics(document.version).decode())
        response = page_response(
            "monitor.html", document=document, artifact=artifact, kinds=KINDS, judged=judged,
            latency=latency,
        )  # fmt: skip
    else:
        response = json_response(document)
    response.vary.add("Accept")
    return response


GAUGES = {
    "alarm": "Whether a verdict is an alarm",
    "unknown": "Whether a verdict is not known",
    "effect": "Share of rows that are elsewhere",
    "age_seconds": "Since the verdicts were given",
}


def write_verdicts() -> str:  # Prometheus text
    "Write the verdicts as lines of metrics; nothing is known where the log cannot be read."
    try:
        document = find_document()
    except (ArtifactError, LogError, HTTPException):
        document = Document("", "")
    service = current_app.extensions["service"]
    states = dict.fromkeys(KINDS, "unknown")
    states |= {finding["kind"]: finding["state"] for finding in document.findings}
    lines = []
    for name, text in GAUGES.items():
        lines += [f"# HELP app_monitor_{name} {text}", f"# TYPE app_monitor_{name} gauge"]
        if name in ("alarm", "unknown"):
            values = [(f'{{verdict="{kind}"}}', states[kind] == name) for kind in KINDS]
        elif name == "effect":
            values = [(f'{{column="{each["name"]}"}}', each["effect"]) for each in document.columns]
        else:
            values = [] if document.at is None else [("", service.clock() - document.at)]
        lines += [f"app_monitor_{name}{of} {float(value):g}" for of, value in values]
    return "\n".join(lines) + "\n"


@monitor.record
def add_metrics(state) -> None:  # state: Flask's, while a blueprint is registered
    "Add the verdicts to /metrics when the page is registered."
    state.app.extensions["metrics"].append(write_verdicts)
