"""Count and time requests for Prometheus, and write events as lines of JSON."""

import json
import logging
import os
import secrets
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path


def new_request_id(
    clock: Callable[[], float] = time.time,  # seconds since 1970
) -> str:  # 24 hexadecimal digits, later ones sort behind earlier ones
    "Make an id that no other request has, and that nobody can guess."
    return f"{int(clock() * 1e9):016x}{secrets.token_hex(4)}"


log = logging.getLogger("app")
log.addHandler(logging.NullHandler())  # until the server says where lines go
FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # names the folder in which processes add up


@lru_cache(maxsize=1)  # once in each process
def has_room(process: int) -> bool:  # process: its id
    "Reserve the files that a process counts in: on a full disk, counting would end it."
    if FOLDER not in os.environ or not hasattr(os, "posix_fallocate"):
        return True
    try:
        for kind in ("counter", "histogram"):
            path = Path(os.environ[FOLDER], f"{kind}_{process}.db")
            with path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, 2**16)  # as much as prometheus_client maps
    except OSError as error:
        path.unlink(missing_ok=True)
        log.error("metrics: %s: this process counts nothing", error.strerror)
        return False
    return True


if not has_room(os.getpid()):  # a process that has no room from the start counts for itself
    del os.environ[FOLDER]
    has_room.cache_clear()


from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

REGISTRY = CollectorRegistry()
STEPS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds

REQUESTS = Counter("app_requests", "Requests answered", ["route", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "app_request_seconds", "From request to answer", ["route"], registry=REGISTRY, buckets=STEPS
)
ROWS = Counter("app_rows", "Rows scored", registry=REGISTRY)
WARNINGS = Counter("app_warnings", "Warnings given with scores", registry=REGISTRY)
REJECTED = Counter("app_rejected_rows", "Rows refused", ["reason"], registry=REGISTRY)
LOST = Counter("app_log_lost", "Predictions that could not be logged", registry=REGISTRY)
FAILED = Counter(
    "app_challenger_failed", "Requests that the challenger could not score", registry=REGISTRY
)


def count_request(
    request_id: str,  # for the line
    method: str,  # of HTTP
    route: str,  # one of the app's, or `other`
    status: int,  # of HTTP
    seconds: float,  # from request to answer
) -> None:
    "Count a request; write a line if it went wrong, and every time when the level is INFO."
    if has_room(os.getpid()):
        REQUESTS.labels(route, status).inc()
        SECONDS.labels(route).observe(seconds)
    level = logging.INFO if status < 400 else logging.WARNING
    level = logging.ERROR if status == 500 else level
    if log.isEnabledFor(level):
        fields = {"request_id": request_id, "method": method, "route": route, "status": status}
        fields["milliseconds"] = round(seconds * 1000, 3)
        log.log(level, "request", extra={"fields": fields})


def count_rows(predictions: list) -> None:  # of one request
    "Count rows that were scored, and the warnings given with them."
    if has_room(os.getpid()):
        ROWS.inc(len(predictions))
        WARNINGS.inc(sum([len(prediction.warnings) for prediction in predictions]))


def count_lost(rows: int) -> None:  # rows: how many
    "Count predictions that could not be logged."
    if has_room(os.getpid()):
        LOST.inc(rows)


def count_failed(error: Exception, request_id: str) -> None:  # error: for the line, with the id
    "Count a request that the challenger of an experiment could not score, and write a line."
    if has_room(os.getpid()):
        FAILED.inc()
    log.warning("challenger", exc_info=error, extra={"fields": {"request_id": request_id}})


def count_rejected(problems: list) -> None:  # of a RowsError
    "Count the rows that were refused, once for each reason."
    reasons = {(problem.row, problem.reason) for problem in problems}
    for _, reason in sorted(reasons) if has_room(os.getpid()) else ():
        REJECTED.labels(reason).inc()


def write_metrics(
    version: str,  # of the artifact in service, or `none`
    more: str = "",  # further lines
) -> bytes:
    "Write all metrics in the text format of Prometheus, those of the other workers too."
    registry = REGISTRY
    if os.path.isdir(os.environ.get(FOLDER, "")):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    in_service = "# HELP app_artifact_info Artifact in service\n# TYPE app_artifact_info gauge\n"
    in_service += f'app_artifact_info{{version="{version}"}} 1\n'
    return in_service.encode() + generate_latest(registry) + more.encode()


class JsonLine(logging.Formatter):
    "Writes an event as one line of JSON, in which there is nothing that a client sent."

    def format(self, record: logging.LogRecord) -> str:
        "Write when, how grave, what, and the fields that came with the record."
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            kind, _, trace = record.exc_info
            place = traceback.extract_tb(trace)[-1]
            line["error"] = f"{kind.__name__} in {Path(place.filename).name}, {place.name}"
        return json.dumps(line)
