"""How fast is `mlprod score`, and in how much memory, beside pandas and a scikit-learn pipeline?

    python benchmarks/batch.py            # Linux or macOS; minutes
    python benchmarks/batch.py --runs 5   # the best of five instead of three

Both score the flights of 2013 and 2023, whole processes from their start to the written file. The
pipeline is what one would write without mlprod: pandas for the hour and the weekday, codes for the
categories, trees of the same kind and size over them; pickled, and applied to the whole table. Its
scores are its own, for it is another model; the work is the same.
"""

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

ROOT = Path(__file__).resolve().parent.parent
READ = {
    ".parquet": pd.read_parquet,
    ".csv": lambda path: pd.read_csv(path, parse_dates=["departs_at"]),
    ".ndjson": lambda path: pd.read_json(path, lines=True).assign(
        departs_at=lambda rows: pd.to_datetime(rows["departs_at"], utc=True)
    ),
}
WRITE = {
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False, compression="zstd"),
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".ndjson": lambda frame, path: frame.to_json(
        path, orient="records", lines=True, date_format="iso"
    ),
}
CATEGORIES = ["origin", "carrier"]


def add_parts(rows: pd.DataFrame) -> pd.DataFrame:
    "Make the columns that the pipeline learns from."
    local = rows["departs_at"].dt.tz_convert("America/New_York")
    parts = {"hour": local.dt.hour, "weekday": local.dt.day_of_week}
    return rows[[*CATEGORIES, "distance"]].assign(**parts)


def train_pipeline(path: Path) -> None:
    "Train the pipeline on the first half of 2013 and pickle it."
    rows = pd.read_parquet(ROOT / "data" / "flights" / "flights-2013.parquet")
    rows = rows[(rows["departs_at"] < "2013-07-01") & rows["arrival_delay"].notna()]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("codes", encoder, CATEGORIES)], remainder="passthrough")
    pipeline = Pipeline([("columns", columns), ("trees", HistGradientBoostingClassifier())])
    pipeline.fit(add_parts(rows), rows["arrival_delay"] > 15)
    path.write_bytes(pickle.dumps(pipeline))


def score_whole(pipeline: str, source: str, target: str) -> None:
    "Score a whole table, as most scripts do."
    rows = READ[Path(source).suffix](source)
    scores = pickle.loads(Path(pipeline).read_bytes()).predict_proba(add_parts(rows))[:, 1]
    WRITE[Path(target).suffix](rows.assign(score=scores), target)


def measure(*command: str | Path, **variables: str) -> tuple[float, float, float]:
    "Run a program: seconds waited, seconds computed, peak memory in MB."
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=ROOT, stdout=subprocess.DEVNULL, env=environment
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"batch: {' '.join(map(str, command))} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    waited = time.perf_counter() - began
    return waited, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6


def prepare(folder: Path) -> None:
    "Write the pipeline, the flights in each format, and a table in which no row is like another."
    train_pipeline(folder / "pipeline.pickle")
    years = [ROOT / "data" / "flights" / f"flights-{year}.parquet" for year in (2013, 2023)]
    rows = pd.concat(map(pd.read_parquet, years), ignore_index=True)
    for ending, write in WRITE.items():
        write(rows, folder / f"flights{ending}")
    different = rows["distance"] + np.linspace(0, 0.9, len(rows))
    WRITE[".parquet"](rows.assign(distance=different), folder / "different.parquet")


def main() -> None:
    "Measure and print a table."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="the best of so many; default: 3")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder)
        measure(
            __file__, "--prepare", folder
        )  # apart: a child's peak begins with its parent's size
        n_rows = pq.read_metadata(folder / "flights.parquet").num_rows
        print(
            f"{n_rows:,} flights, {os.cpu_count()} cores; best of {options.runs} by CPU seconds\n"
        )
        print("| table | scored by | rows/s | seconds | CPU seconds | peak MB |")
        print("|---|---|---|---|---|---|")
        for name in (*[f"flights{ending}" for ending in WRITE], "different.parquet"):
            source, target = folder / name, folder / f"out{Path(name).suffix}"
            ours = ["-m", "mlprod.cli", "score", source, target]
            whole = [__file__, "--whole", folder / "pipeline.pickle", source, target]
            for label, command, variables in [
                ("mlprod score", [*ours, "--artifacts", ROOT / "app" / "artifacts"], {}),
                ("pandas, all threads", whole, {}),
                ("pandas, one thread", whole, {"OMP_NUM_THREADS": "1"}),
            ]:
                runs = [measure(*command, **variables) for _ in range(options.runs)]
                waited, computed, memory = min(runs, key=lambda run: run[1])
                figures = f"{n_rows / waited:,.0f} | {waited:.1f} | {computed:.1f} | {memory:.0f}"
                print(f"| {name} | {label} | {figures} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--whole"]:
        score_whole(*sys.argv[2:])
    elif sys.argv[1:2] == ["--prepare"]:
        prepare(Path(sys.argv[2]))
    else:
        main()
