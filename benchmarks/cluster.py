"""From which size does a cluster pay? Measure one machine, then Dask's workers on the same machine.

    python benchmarks/cluster.py           # Linux or macOS, with the extra scale; some minutes
    python benchmarks/cluster.py --write   # and keep those of scoring, for lesson 15d

Scoring is counted in CPU seconds: another machine's workers do not share the caller's cores, and a
busy machine changes seconds more than CPU seconds. Training is counted in seconds, the best of two.
"""

import argparse
import os
import pickle
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mlprod.app.model import load_artifact, read_pointer
from mlprod.choose import tune_model
from mlprod.cluster import make_parts_on, open_cluster, share_work
from mlprod.contract import read_contract
from mlprod.data import read_rows, split_rows
from mlprod.drift import make_reference
from mlprod.frames import encode_frame
from mlprod.gate import judge_model
from mlprod.package import save_artifact, to_json
from mlprod.parts import score_table
from mlprod.report import evaluate_model
from mlprod.score import read_parquet
from mlprod.train import train_baseline, train_model
from mlprod.write import write_aside

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FLIGHTS = ROOT / "data" / "flights"
GRID = {"learning_rate": [0.05, 0.1], "max_leaf_nodes": [15, 31]}
MANY = {"max_iter": 800, "learning_rate": 0.01}  # trees, of a larger model


def write_tables(folder: Path) -> None:
    "Write both years' flights as they are, and with a distance of its own for each."
    years = [pd.read_parquet(FLIGHTS / f"flights-{year}.parquet") for year in (2013, 2023)]
    rows = pd.concat(years, ignore_index=True)
    rows.to_parquet(folder / "flights.parquet", index=False)
    different = rows["distance"] + np.linspace(0, 0.9, len(rows))
    rows.assign(distance=different).to_parquet(folder / "different.parquet", index=False)


def make_larger(folder: Path) -> Path:  # of the version
    "Make an artifact whose model has eight times as many trees, of few rows."
    contract = read_contract(FLIGHTS / "contract.yaml")
    train, test = split_rows(read_rows(FLIGHTS / "sample.parquet", contract), contract, 0)
    model = train_model("hist_gradient_boosting", train, contract, 0, MANY)
    report = evaluate_model(model, train_baseline(train, contract, 0), test, contract)
    matrix, _ = encode_frame(test, model.features)
    page = contract.model_dump(mode="json", by_alias=True)
    reference = make_reference(matrix, model.score(matrix), page)
    verdict = judge_model(report, contract, override="only its cost matters")
    return save_artifact(model, report, contract, "0" * 64, matrix, folder, reference, verdict)


def measure_scoring(client, version: Path, source: Path) -> dict[str, float]:
    "Measure a table's scoring, a row at a time: alone, and what a cluster's parts cost whom."
    artifact, used = load_artifact(version), time.process_time()
    n_rows = score_table(artifact, str(source), str(source.with_name("alone"))).read
    figures = {"alone": time.process_time() - used}
    make = partial(make_parts_on, client, version)
    score_table(artifact, str(source), str(source.with_name("first")), make=make)  # loads artifacts
    before, used = client.run(time.process_time), time.process_time()
    score_table(artifact, str(source), str(source.with_name("there")), make=make)
    figures["feed"] = time.process_time() - used
    figures["work"] = sum(client.run(time.process_time).values()) - sum(before.values())
    pieces = read_parquet(str(source), artifact.features)[1]
    figures["bytes"] = sum(len(pickle.dumps(piece, protocol=5)) for piece in pieces)
    figures["bytes"] += sum(path.stat().st_size for path in source.with_name("there").iterdir())
    for name in ("alone", "first", "there"):
        shutil.rmtree(source.with_name(name))
    return {"rows": n_rows} | {name: value / n_rows for name, value in figures.items()}


def measure_training() -> list[dict[str, float]]:
    "Measure four settings on the flights' folds: alone, in two processes, on two workers."
    contract, table = read_contract(FLIGHTS / "contract.yaml"), []
    rows = split_rows(read_rows(FLIGHTS / "flights-2013.parquet", contract), contract, 0)[0]
    for n_rows in (5_000, 30_000, 120_000):
        some, line = rows.iloc[:: len(rows) // n_rows].head(n_rows), {"rows": n_rows}
        places = {"alone": (1, ""), "processes": (2, ""), "cluster": (1, "local")}
        for name, (jobs, cluster) in places.items():
            with share_work(jobs, cluster):
                seconds = []
                for _ in range(2):
                    began = time.perf_counter()
                    best = tune_model("hist_gradient_boosting", some, contract, GRID, 0)[0]
                    seconds.append(time.perf_counter() - began)
            line[name] = min(seconds)
            assert line.setdefault("best", str(best)) == str(best)
        table.append(line)
    return table


def main() -> None:
    "Measure, print, and keep the figures where asked to."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the figures in cluster.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder)
        write_tables(folder)
        here = ROOT / "app" / "artifacts"
        trees, more = here / read_pointer(here), make_larger(folder / "larger")
        with open_cluster("local") as client:
            client.wait_for_workers(os.cpu_count())
            scoring = {
                name: measure_scoring(client, version, folder / table)
                for name, version, table in (
                    ("flights", trees, "flights.parquet"),
                    ("every row different", trees, "different.parquet"),
                    ("every row different, 800 trees", more, "different.parquet"),
                )
            }
    result = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "scoring": scoring}
    print(f"{result['cores']} cores, load {result['load']:.1f}\n")
    print("| a row, CPU µs | alone | caller | workers | bytes |\n|---|---|---|---|---|")
    for name, line in scoring.items():
        figures = [f"{1e6 * line[key]:.2f}" for key in ("alone", "feed", "work")]
        print("|", " | ".join([name, *figures, f"{line['bytes']:.0f}"]), "|")
    print("\n| rows | tuned alone, s | in two processes | on two workers |\n|---|---|---|---|")
    for line in measure_training():
        figures = [f"{line[key]:.1f}" for key in ("alone", "processes", "cluster")]
        print("|", " | ".join([f"{line['rows']:,}", *figures]), "|")
    if options.write:
        write_aside(HERE / "cluster.json", to_json(result))


if __name__ == "__main__":
    main()
