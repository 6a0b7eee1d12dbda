"""Does the memory of training stay the same when the table grows, and what does its sample cost?

    python benchmarks/large.py   # Linux or macOS; about five minutes

The flights of 2013, written one behind the other: 5 million rows and 20 million. The contract draws
300,000 of them (`data.at_most`). Each line is a process of its own: reading and checking the table,
for comparison reading all of it, and the whole of `mlprod run`, whose largest process counts.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
AT_MOST = 300_000
SIZES = {"5": 5_000_000, "20": 20_000_000}
STEPS = (  # what is measured, of which table, how many rows are drawn
    ("check", "5.parquet", AT_MOST), ("check", "20.parquet", AT_MOST), ("check", "5.csv", AT_MOST),
    ("check", "20.csv", AT_MOST), ("check", "5.parquet", None), ("run", "20.parquet", AT_MOST),
)  # fmt: skip
CHECK = """
import sys
from mlprod.contract import read_contract
from mlprod.data import check_table
print(len(check_table(sys.argv[2], read_contract(sys.argv[1]))))
"""


def write_tables(folder: Path) -> None:
    "Write the flights again and again, as Parquet and as CSV, a year at a time."
    year = pq.read_table(ROOT / "data" / "flights" / "flights-2013.parquet")
    for name, n_rows in SIZES.items():
        path = folder / name
        with (
            pq.ParquetWriter(path.with_suffix(".parquet"), year.schema) as parquet,
            arrow_csv.CSVWriter(path.with_suffix(".csv"), year.schema) as text,
        ):
            for first in range(0, n_rows, len(year)):
                parquet.write_table(part := year[: n_rows - first])
                text.write_table(part)


def write_contract(folder: Path, rows: str, at_most: int | None) -> Path:  # folder: the project's
    "Write the flights' contract for another file."
    page = (ROOT / "data" / "flights" / "contract.yaml").read_text(encoding="utf-8")
    page = re.sub(r"  rows: .*\n  sample: .*\n  later: .*\n", f"  rows: {rows}\n", page)
    page = page.replace("data:\n", f"data:\n  at_most: {at_most}\n") if at_most else page
    path = folder / "contract.yaml"
    path.write_text(page, encoding="utf-8")
    return path


def measure(root: Path, *words: str | Path) -> tuple[float, float, float, str]:
    "Run a program: seconds waited, seconds computed, peak MB of its largest process, its words."
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, words)], cwd=root, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process.stdout as out:
        said = out.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"large: {said}")
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, peak, said


def main() -> None:
    "Measure, and print the goal beside its figure."
    with tempfile.TemporaryDirectory() as holder:
        root = Path(holder)
        folder = root / "data" / "flights"
        folder.mkdir(parents=True)
        (root / "nbs").mkdir()
        for name in ("settings.ini", "nbs/18_run.ipynb"):
            (root / name).write_bytes((ROOT / name).read_bytes())
        measure(root, __file__, "--prepare", folder)  # a peak begins with the parent's
        print("| step | millions of rows | read | seconds | CPU seconds | peak MB |")
        print("|---|---|---|---|---|---|")
        peaks = {}
        for step, file, at_most in STEPS:
            contract = write_contract(folder, file, at_most)
            words = ("-m", "mlprod.cli", "run", "--contract", contract)
            if step == "check":
                words = ("-c", CHECK, contract, folder / file)
            waited, used, peak, said = measure(root, *words)
            peaks[file] = peaks.get(file, peak)
            of = "all" if at_most is None else f"{at_most:,}"
            figures = f"{waited:.1f} | {used:.1f} | {peak:.0f}"
            print(f"| {step} | {file} | {of} | {figures} |", flush=True)
        doubt = re.search(r"doubt +(the model was trained on .*)", said)
        print("\n| goal | | wanted | measured | |\n|---|---|---|---|---|")
        for kind in ("parquet", "csv"):
            times = peaks[f"20.{kind}"] / peaks[f"5.{kind}"]
            goal = f"{kind}: peak for 20 million rows, times that for 5"
            met = "met" if times <= 1.25 else "missed"
            print(f"| {goal} | <= | 1.25 | {times:.2f} | {met} |")
        print(f"\nWhat the report says of the sample: {doubt[1]}.")


if __name__ == "__main__":
    write_tables(Path(sys.argv[2])) if sys.argv[1:2] == ["--prepare"] else main()
