"""How fast is `mlprod score`, and in how much memory, beside pandas and a bare call of the model?

    python benchmarks/batch.py            # Linux or macOS; minutes
    python benchmarks/batch.py --runs 5   # the best of five instead of three

Each measurement is a whole process, from its start to the written file. A second figure leaves the
start out: the seconds that the same program needs for a table of one row, ours and its rivals'.
These are what one would write without mlprod: pandas for the hour and the weekday, codes for the
categories, trees of the same kind and size over them; pickled, and applied to the whole table or to
chunks of 100,000 rows, with as many threads as they like. The bare call is this artifact's model in
ONNX Runtime with two threads, over a matrix that is already there: no start, no reading, no
encoding, no writing.
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
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "app" / "artifacts"
CATEGORIES = ["origin", "carrier"]
MANY = 10_000_000  # rows of the table that shows the memory
NAMES = {
    "ours": "mlprod score",
    "whole": "pandas, the whole table, all cores",
    "chunks": "pandas, in chunks, all cores",
    "bare": "ONNX Runtime alone, two threads",
}


def add_parts(rows: pd.DataFrame) -> pd.DataFrame:
    "Make the columns that the pipeline learns from."
    local = rows["departs_at"].dt.tz_convert("America/New_York")
    parts = {"hour": local.dt.hour, "weekday": local.dt.day_of_week}
    return rows[[*CATEGORIES, "distance"]].assign(**parts)


def train_pipeline(path: Path) -> None:
    "Train the pipeline on the first half of 2013 and pickle it."
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    rows = pd.read_parquet(ROOT / "data" / "flights" / "flights-2013.parquet")
    rows = rows[(rows["departs_at"] < "2013-07-01") & rows["arrival_delay"].notna()]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("codes", encoder, CATEGORIES)], remainder="passthrough")
    pipeline = Pipeline([("columns", columns), ("trees", HistGradientBoostingClassifier())])
    pipeline.fit(add_parts(rows), rows["arrival_delay"] > 15)
    path.write_bytes(pickle.dumps(pipeline))


def score_whole(pipeline: str, source: str, target: str) -> None:
    "Score a whole table, as most scripts do."
    rows = pd.read_parquet(source)
    scores = pickle.loads(Path(pipeline).read_bytes()).predict_proba(add_parts(rows))[:, 1]
    rows.assign(score=scores).to_parquet(target, index=False, compression="zstd")


def score_chunks(pipeline: str, source: str, target: str) -> None:
    "Score a table in chunks, as careful scripts do."
    model, writer = pickle.loads(Path(pipeline).read_bytes()), None
    for records in pq.ParquetFile(source).iter_batches(100_000):
        rows = records.to_pandas()
        scored = rows.assign(score=model.predict_proba(add_parts(rows))[:, 1])
        table = pa.Table.from_pandas(scored, preserve_index=False)
        writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
        writer.write_table(table)
    writer.close()


def call_bare(source: str) -> None:
    "Call the model over the whole matrix with two threads; print wall and CPU seconds of the call."
    import onnxruntime

    from mlprod.app.model import InService
    from mlprod.frames import encode_frame

    artifact = InService(ARTIFACTS).artifact()
    matrix, _ = encode_frame(
        pd.read_parquet(source)[list(artifact.features.columns)], artifact.features
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    model = (ARTIFACTS / artifact.version / "model.onnx").read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(["scores"], {"rows": matrix[:1000]})
    began, used = time.perf_counter(), time.process_time()
    session.run(["scores"], {"rows": matrix})
    print(time.perf_counter() - began, time.process_time() - used)


def measure(*command: str | Path) -> tuple[float, float, float]:
    "Run a program: seconds waited, seconds computed, peak memory in MB."
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    with process.stdout as out:
        printed = out.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"batch: {' '.join(map(str, command))} ended with {process.returncode}")
    waited, computed = time.perf_counter() - began, used.ru_utime + used.ru_stime
    if "--bare" in command:
        waited, computed = map(float, printed.split())
    return waited, computed, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def prepare(folder: Path) -> None:
    "Write the pipeline and the tables."
    train_pipeline(folder / "pipeline.pickle")
    years = [ROOT / "data" / "flights" / f"flights-{year}.parquet" for year in (2013, 2023)]
    rows = pd.concat(map(pd.read_parquet, years), ignore_index=True)
    rows.to_parquet(folder / "flights.parquet", index=False, compression="zstd")
    rows.to_csv(folder / "flights.csv", index=False)
    rows.to_json(folder / "flights.ndjson", orient="records", lines=True, date_format="iso")
    different = rows["distance"] + np.linspace(0, 0.9, len(rows))
    rows.assign(distance=different).to_parquet(folder / "different.parquet", index=False)
    rows.head(1).to_parquet(folder / "one.parquet", index=False)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    with (
        pq.ParquetWriter(folder / "many.parquet", table.schema, compression="zstd") as parquet,
        arrow_csv.CSVWriter(folder / "many.csv", table.schema) as text,
    ):
        for first in range(0, MANY, len(table)):
            parquet.write_table(part := table[: MANY - first])
            text.write_table(part)


def main() -> None:
    "Measure, and print each goal beside its figure."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="the best of so many; default: 3")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder)
        measure(__file__, "--prepare", folder)  # apart: a child's peak begins with its parent's
        n_rows = pq.read_metadata(folder / "flights.parquet").num_rows
        print(f"{n_rows:,} flights, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
              f"best of {options.runs} by seconds\n")  # fmt: skip
        print("| table | scored by | rows/s | seconds | CPU seconds | peak MB |")
        print("|---|---|---|---|---|---|")

        def best(source: str, target: str, by: str, rows: int = n_rows, runs: int = options.runs):
            "Measure, print a line, and return the seconds and the memory."
            places = folder / source, folder / target
            words = {
                "ours": ["-m", "mlprod.cli", "score", *places, "--artifacts", ARTIFACTS],
                "bare": [__file__, "--bare", places[0]],
            }.get(by, [__file__, f"--{by}", folder / "pipeline.pickle", *places])
            waited, computed, memory = min(measure(*words) for _ in range(runs))
            (folder / target).unlink(missing_ok=True)
            figures = f"{rows / waited:,.0f} | {waited:.2f} | {computed:.2f} | {memory:.0f}"
            print(f"| {source} → {target} | {NAMES[by]} | {figures} |", flush=True)
            return waited, memory

        start = {by: best("one.parquet", "out.parquet", by, 1)[0] for by in NAMES if by != "bare"}
        start["bare"] = 0.0
        seconds = {
            (table, by): best(f"{table}.parquet", "out.parquet", by)[0]
            for table in ("flights", "different")
            for by in NAMES
        }
        texts = {
            ending: best(f"flights.{ending}", f"out.{ending}", "ours")[0]
            for ending in ("csv", "ndjson")
        }
        peaks = {
            ending: best(f"many.{ending}", f"out.{ending}", "ours", MANY, 1)[1]
            for ending in ("parquet", "csv")
        }

    def compare(table: str, one: str, other: str) -> list[float]:
        "Divide seconds by seconds, with the start of both and without."
        pairs = [(seconds[table, by], seconds[table, by] - start[by]) for by in (one, other)]
        return [first / second for first, second in zip(*pairs, strict=True)]

    goals = []
    for table, words, whole, bare in (
        ("flights", "flights", 4.0, 0.7), ("different", "every row different", 1.7, 1.4)
    ):  # fmt: skip
        goals.append((f"{words}: times as fast as whole pandas", ">=", whole,
                      *compare(table, "whole", "ours")))  # fmt: skip
        if table == "flights":
            goals.append((f"{words}: times as fast as chunks", ">=", 3.5,
                          *compare(table, "chunks", "ours")))  # fmt: skip
        goals.append((f"{words}: share of the bare call's seconds", "<=", bare,
                      *compare(table, "ours", "bare")))  # fmt: skip
    for ending, wanted in (("csv", 600_000), ("ndjson", 250_000)):
        got = [n_rows / (texts[ending] - less) for less in (0.0, start["ours"])]
        goals.append((f"{ending.upper()} to {ending.upper()}, rows/s", ">=", wanted, *got))
    for ending, peak in peaks.items():
        goals.append((f"peak MB at {MANY:,} rows of {ending}", "<=", 500, peak, peak))
    print("\n| goal | | wanted | measured | | without the start | |\n|---|---|---|---|---|---|---|")
    for words, sign, wanted, *got in goals:
        met = [each >= wanted if sign == ">=" else each <= wanted for each in got]
        pairs = zip(got, ["met" if each else "missed" for each in met], strict=True)
        figures = " | ".join(f"{each:,.2f} | {word}" for each, word in pairs)
        print(f"| {words} | {sign} | {wanted:,g} | {figures} |")
    print("\nFlights repeat: the same route at the same hour. Equal rows are scored once, and that "
          "is most of the\ndifference between the first table and the one in which no row is like "
          "another.")  # fmt: skip


if __name__ == "__main__":
    modes = {"--whole": score_whole, "--chunks": score_chunks, "--bare": call_bare,
             "--prepare": lambda folder: prepare(Path(folder))}  # fmt: skip
    if sys.argv[1:2] and sys.argv[1] in modes:
        modes[sys.argv[1]](*sys.argv[2:])
    else:
        main()
