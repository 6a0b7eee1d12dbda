"""How long does somebody wait for what is done often? Each figure beside its goal.

    python benchmarks/waiting.py     # two minutes, in a copy of the repository
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLAIN = """
import json, sys
import matplotlib
matplotlib.use("Agg")
sources = json.load(open(sys.argv[1]))
space = {"__name__": "__main__"}
for source in sources:
    exec(compile(source, "cell", "exec"), space)
"""
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "artifacts", "work", "__pycache__")


def measure(*command: str | Path, folder: Path, **variables: str) -> float:  # seconds
    "Run a command of this environment in a folder, and time it; leave where it fails."
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=os.environ | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{done.stdout}\nwaiting: {command[-1]} ended with {done.returncode}: no figures")
    return time.perf_counter() - began


def list_calls(copy: Path) -> list[str]:
    "List the line's cells as a script would hold them: the same calls, with the same parameters."
    cells = json.loads((copy / "nbs" / "18_run.ipynb").read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def show(figure: str, value: float, goal: float, unit: str) -> None:
    "Print a figure beside its goal."
    print(f"{'ok ' if value <= goal else 'NOT'}  {figure:<58} {value:6.2f} {unit:<5} {goal:g}",
          flush=True)  # fmt: skip


def main() -> None:
    cpus, (load, *_) = os.cpu_count(), os.getloadavg()
    print(f"{cpus} cores, load {load:.1f}; the last column is the goal\n")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mlprod"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        variables = {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": str(max(1, cpus // 2))}
        sources = Path(folder) / "sources.json"
        sources.write_text(json.dumps(list_calls(copy)))
        line = measure("-m", "mlprod.cli", "run", "--force", folder=copy, **variables)
        again = measure("-m", "mlprod.cli", "run", folder=copy, **variables)
        plain = measure("-c", PLAIN, sources, folder=copy / "nbs", **variables)
        nothing = Path(folder) / "nothing.ipynb"
        nothing.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
        start = ("import sys; from mlprod.run import run_notebook as run; "
                 "run(sys.argv[1], sys.argv[1] + '.out.ipynb')")  # fmt: skip
        kernel = measure("-c", start, nothing, folder=copy, **variables)
        print(f"     mlprod run {line:.1f} s; the same calls as a script {plain:.1f} s; "
              f"starting and ending a kernel {kernel:.1f} s\n")  # fmt: skip
        show("mlprod run, by kernel start and plain calls", line / (plain + kernel), 1.3, "times")
        show("mlprod run, nothing changed", again, 3, "s")
        show("make check", measure("tests/suite.py", "check", folder=copy, **variables), 5, "s")


if __name__ == "__main__":
    main()
