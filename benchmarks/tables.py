"""Run large tables through the line: is what training announces kept, and what does the rest cost?

python benchmarks/tables.py            # all three, about ten minutes on two quiet cores
python benchmarks/tables.py labels     # one: labels, flights or rows

The tables are made in a folder for temporary files and go through `mlprod new` and `mlprod run`
as anybody's would. Announced are seconds of one core for the training; "cpu" are the seconds that
all of `mlprod run` used, "run" those of the wall; "check" those of processors that finding every
mistake takes before anything starts. Memory is the peak of the largest process.
Measured on 27 November 2026 under `nice -n 12`, on two cores that ten others used (load 10 to 13),
so the wall's seconds are several times those of a quiet machine:

table      new  announced  training    run    cpu  page MB  peak MB
rows        74        180       326    485    135      0.3    1424  (chosen on 33,485 of 700,000)

By `--yes` the flights have no capacity, and by accuracy the gate refuses them: hence an override.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mlprod.contract import read_contract
from mlprod.data import check_table

ROOT = Path(__file__).resolve().parent.parent


def make_labels(path: Path) -> str:  # the target
    "5,000 rows, 784 whole numbers from 0 to 255, ten labels: as digits of 28 by 28 points are."
    random = np.random.default_rng(0)
    digit = random.integers(0, 10, 5000)
    shapes = random.random((10, 784)) < 0.2
    ink = shapes[digit] * random.integers(60, 256, (5000, 784))
    noise = (random.random(ink.shape) < 0.05) * random.integers(0, 256, ink.shape)
    rows = pd.DataFrame(np.maximum(ink * (random.random(ink.shape) < 0.7), noise))
    rows = rows.add_prefix("point_").assign(digit=digit)
    rows.to_parquet(path, index=False)
    return "digit"


def make_flights(path: Path) -> str:  # the target
    "336,776 departures and 16 columns: the course's flights of 2013, the label worked out."
    rows = pd.read_parquet(ROOT / "data" / "flights" / "flights-2013.parquet")
    delay = rows.pop("arrival_delay")
    known = [name for name in rows if not re.search("delay|arriv|departed", name)]
    rows = rows[known]
    random = np.random.default_rng(1)
    for number in range(max(0, 16 - len(known))):  # so that there are sixteen
        rows[f"reading_{number}"] = random.normal(0, 1, len(rows)).round(3)
    rows["late"] = np.where(delay.isna(), None, np.where(delay > 15, "late", "on time"))
    rows.to_parquet(path, index=False)
    return "late"


def make_rows(path: Path) -> str:  # the target
    "A million rows, thirty columns: numbers with gaps, categories, two labels."
    random, n = np.random.default_rng(2), 1_000_000
    rows = pd.DataFrame(random.normal(0, 1, (n, 24)).round(4)).add_prefix("number_")
    rows.loc[random.random(n) < 0.05, "number_3"] = np.nan
    for number, size in enumerate((3, 5, 8, 12, 20, 40)):
        rows[f"group_{number}"] = pd.Categorical.from_codes(
            random.integers(0, size, n), [f"g{each:02}" for each in range(size)]
        )
    risk = rows["number_0"] + rows["number_1"] * rows["number_2"] + (rows["group_2"] == "g01")
    rows["bought"] = np.where(risk + random.logistic(0, 1, n) > 2, "yes", "no")
    rows.to_parquet(path, index=False)
    return "bought"


TABLES: dict[str, Callable[[Path], str]] = {
    "labels": make_labels,
    "flights": make_flights,
    "rows": make_rows,
}


def run(root: Path, *words: str) -> tuple[float, float, float, str]:
    "Run a command: seconds, seconds of processors, MB at most, what it said; CalledProcessError."
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "mlprod.cli", *words],
        cwd=root, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        done.check_returncode()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, used, after.ru_maxrss / 1000, done.stdout


def measure(name: str, root: Path) -> str:  # a line of the table
    "Make a table, draft its contract, run the line."
    path = root / f"{name}.parquet"
    target = TABLES[name](path)
    new, *_ = run(root, "new", str(path), "--target", target, "--yes")
    contract, before = read_contract(root / f"data/{name}/contract.yaml"), time.process_time()
    check_table(root / f"data/{name}/{name}.parquet", contract)
    check = time.process_time() - before
    words = ("--contract", f"data/{name}/contract.yaml", "--override", "to measure the time")
    taken, used, peak, said = run(root, "run", *words)
    announced = re.search(r"^training: (.*): at most (\d+) s", said, re.M)
    steps = dict(re.findall(r"\d+/\d+ ([^…\n]+) … (\d+) s", said))
    page = (root / "artifacts" / name / "report.html").stat().st_size / 1e6
    return (
        f"{name:8} {new:5.0f} {check:6.1f} {announced[2]:>10} {steps['The models']:>8} "
        f"{taken:6.0f} {used:6.0f} {page:8.1f} {peak:7.0f}  {announced[1]}"
    )


def main() -> int:
    wanted = sys.argv[1:] or list(TABLES)
    if unknown := [name for name in wanted if name not in TABLES]:
        print(f"{unknown[0]}: expected some of {', '.join(TABLES)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "nbs").mkdir()
        shutil.copy(ROOT / "settings.ini", root)
        shutil.copy(ROOT / "nbs" / "18_run.ipynb", root / "nbs")
        print("table      new  check  announced  training    run    cpu  page MB  peak MB", end="")
        print("  what was announced")
        for name in wanted:
            print(measure(name, root), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
