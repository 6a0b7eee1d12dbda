"""Monitoring: every figure beside its goal.

python benchmarks/monitoring.py          # about two minutes; needs the champion in app/artifacts
"""

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from mlprod.app.app import create_app
from mlprod.app.log import Log, first_id, open_log, write_lines
from mlprod.app.model import load_artifact, read_pointer
from mlprod.contract import read_contract
from mlprod.data import read_rows
from mlprod.drift import compare, count_rows, find_drift, find_small, make_reference, pick_scores
from mlprod.frames import encode_frame, to_json_rows
from mlprod.monitor import count_table, judge_log, measure_all, walk
from mlprod.watch import find_broken

ROOT = Path(__file__).resolve().parent.parent
NUMBER = {"kind": "number", "range": [-1e9, 1e9], "unit": "", "description": "", "example": 1}
NUMBER |= {"may_be_missing": True}
failed = []


def show(figure, value, goal, holds):
    "Print a figure beside its goal."
    print(f"{'ok ' if holds else 'NOT'}  {figure:<62} {value:<24} {goal}", flush=True)
    if not holds:
        failed.append(figure)


def simulate(columns=20, references=10, windows=100, rows=500, n=5000):
    "Alarms without drift, and windows in which 0.3 sigma in one column is found."
    random, quiet, found = np.random.default_rng(0), 0, 0
    specs = {f"x{place}": NUMBER for place in range(columns)}
    contract = {"features": list(specs), "columns": specs}
    for _ in range(references):
        matrix = random.normal(size=(n, columns)).astype("float32")
        reference = make_reference(matrix, random.random((n, 2)), contract)
        for _ in range(windows):
            window, scores = random.normal(size=(rows, columns)), random.random((rows, 2))
            counts = count_rows(reference, window.astype("float32"), pick_scores(scores))
            quiet += len(find_drift(reference, counts)) > 0
            window[:, 0] += 0.3
            counts = count_rows(reference, window.astype("float32"), pick_scores(scores))
            found += "x0" in [drift.feature for drift in find_drift(reference, counts)]
    return quiet, found / (references * windows)


def fill_log(path, rows, artifact):
    "Write a table into a log as if the app had answered it, each row at its own moment."
    matrix, _ = encode_frame(rows[list(artifact.features.columns)], artifact.features)
    scores, decisions = artifact.decide(artifact.score(matrix))
    late = np.where(rows["arrival_delay"] > 15, "late", "on time").tolist()
    ats = rows["departs_at"].map(lambda moment: moment.timestamp())
    listed = [msgspec.json.encode(row).decode() for row in to_json_rows(rows, artifact.features)]
    ids = [f"{first_id(at)}{number:08x}" for number, at in enumerate(ats)]
    versions = [artifact.version] * len(rows)
    with closing(open_log(path, artifact.project)) as log, log:
        lines = zip(ids, ats, versions, listed, scores, decisions, strict=True)
        write_lines(log, list(lines))
        pairs = zip(late, ids, strict=True)
        log.executemany("update predictions set label = ? where id = ?", pairs)


def time_job_and_page(artifact, rows):
    "Seconds of the job over a table, milliseconds of the page, the middle of twenty; its bytes."
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "log.sqlite"
        fill_log(path, rows, artifact)
        now = rows["departs_at"].max().timestamp() + 86_400
        began = time.perf_counter()
        judge_log(path, artifact, now)
        job, home = time.perf_counter() - began, ROOT / "mlprod" / "files" / "app"
        app = create_app(ROOT / "app" / "artifacts", home=home, clock=lambda: now)
        app.extensions["service"].log = log = Log(path, clock=lambda: now)
        client, seconds = app.test_client(), []
        for _ in range(20):
            began = time.perf_counter()
            page = client.get("/monitor", headers={"Accept": "text/html"})
            seconds.append(time.perf_counter() - began)
        log.close()
        assert page.status_code == 200 and "Judged" in page.text
        return job, 1000 * float(np.median(seconds)), len(page.data)


def main():
    "Measure everything; the exit status says whether every goal is met."
    quiet, found = simulate()
    show("alarms in 1,000 windows without drift, 20 columns", str(quiet), "at most 73", quiet <= 73)
    show("0.3 sigma in one of 20 columns, 500 rows, found", f"{found:.1%}", "95%", found >= 0.95)
    folder = ROOT / "app" / "artifacts"
    artifact = load_artifact(folder / read_pointer(folder))
    contract = read_contract(ROOT / "data" / "flights" / "contract.yaml")
    tables = {
        year: read_rows(ROOT / "data" / "flights" / f"flights-{year}.parquet", contract)
        for year in (2013, 2023)
    }
    later = tables[2013]["departs_at"] >= pd.Timestamp("2013-07-01", tz="America/New_York")
    watched = {2013: count_table(tables[2013][later], contract, artifact)}
    watched[2023] = count_table(tables[2023], contract, artifact)
    weeks = {year: walk(each, contract) for year, each in watched.items()}
    drifts = {year: int((each["drift"] != "").sum()) for year, each in weeks.items()}
    text = f"{drifts[2013]} of {len(weeks[2013])}"
    show("weeks of 2013 with drift", text, "0 of 26", text == "0 of 26")
    text = f"{drifts[2023]} of {len(weeks[2023])}"
    show("weeks of 2023 with drift", text, "52 of 52", text == "52 of 52")
    tests = sum(
        any(find_small([drift.p for drift in compare(each.reference, day.counts)]))
        for each in [watched[2013]] for day in each.days
    )
    text = f"{tests} of 184"
    show("days of 2013 with a small p-value, without an effect", text, "for comparison", True)
    broken = sum(len(find_broken(each.reference, day.counts)) > 0
                 for each in watched.values() for day in each.days)  # fmt: skip
    show("honest days with broken data, both years", f"{broken} of 549", "0", broken == 0)
    decays = {year: each.index[each["decay"]].tolist() for year, each in weeks.items()}
    show("decay in 2013", str(len(decays[2013])), "never", not decays[2013])
    show("decay first in 2023", decays[2023][0], "2023-03-06", decays[2023][0] == "2023-03-06")
    spread = weeks[2023][["estimated", "auc"]].std()
    text = f"{spread['estimated']:.3f} and {spread['auc']:.3f}"
    holds = spread["estimated"] < 0.005
    show("2023: standard deviation, estimated and by labels", text, "0.001, 0.032", holds)
    day = tables[2013][later].dropna(subset="arrival_delay").query("distance < 3700")
    local = day["departs_at"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    shifted = day.assign(departs_at=local.dt.tz_localize("UTC"))
    far = day.assign(distance=day["distance"] * 1.609)
    before = measure_all("auc", count_table(day, contract, artifact))
    for name, rows, goal in [("time zone", shifted, 0.02), ("kilometres", far, 0.004)]:
        each = count_table(rows, contract, artifact)
        seen = sum(len(find_broken(each.reference, part.counts)) > 0 for part in each.days)
        fall = before - measure_all("auc", each)
        text = f"{seen} of {len(each.days)}, {fall:.3f}"
        holds, goal = seen == len(each.days), f"all, about {goal}"
        show(f"{name}: seen on days, AUC falls by", text, goal, holds)
    rows = tables[2023].dropna(subset="arrival_delay")
    job, page, size = time_job_and_page(artifact, rows)
    text = f"{job:.1f} s"
    show(f"the job over {len(rows):,} logged rows", text, "60 s", job < 60)
    show("/monitor, median", f"{page:.0f} ms, {size:,} bytes", "300 ms", page < 300)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
