"""How long does a newcomer wait? From a fresh clone to the summary of `make run`, step by step.

    python benchmarks/first_run.py            # everything downloaded: the caches are empty
    python benchmarks/first_run.py --warm     # once more in another clone, with the caches filled
    python benchmarks/first_run.py --uv       # with the uv of this machine, not the lock's
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What the clone is set up with: the Python below an environment, as for somebody who has none yet.
PYTHON = getattr(sys, "_base_executable", sys.executable)


def measure(*command: str | Path, **options) -> tuple[float, float, str]:
    "Run a command: the seconds waited, the seconds computed by it and its children, its output."
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", **options)
    waited, after = time.perf_counter() - started, os.times()
    if done.returncode:
        words = " ".join(map(str, command))
        sys.exit(f"{done.stdout}\nfirst_run: {words} ended with {done.returncode}: no figures")
    computed = sum(after[2:4]) - sum(before[2:4])
    return waited, computed, done.stdout


def first_run(folder: Path, environment: dict) -> list[tuple]:
    "Clone, set up and run in a folder; rows of name, seconds waited, seconds computed."
    clone = folder / "mlprod"
    waited, computed, _ = measure("git", "clone", "--quiet", ROOT, clone)
    rows = [("git clone", waited, computed)]
    waited, computed, output = measure(PYTHON, "make.py", "setup", cwd=clone, env=environment)
    steps = re.findall(r"set-up: (.+) \.\.\. (\d+) s", output)
    rows += [(f"  {step}", float(seconds), None) for step, seconds in steps]
    rows.append(("make setup", waited, computed))
    waited, computed, _ = measure(PYTHON, "make.py", "run", cwd=clone, env=environment)
    rows.append(("make run, to its summary", waited, computed))
    totals = [row for row in rows if row[2] is not None]
    rows.append(("all", sum(row[1] for row in totals), sum(row[2] for row in totals)))
    waited, computed, _ = measure(PYTHON, "make.py", "setup", cwd=clone, env=environment)
    rows.append(("set-up that is done already", waited, computed))
    return rows


def size_of(path: Path) -> float:
    "Megabytes of a file, or of all files in a folder."
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir()) / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warm", action="store_true", help="also with the caches filled")
    parser.add_argument("--uv", action="store_true", help="with the uv of this machine")
    options = parser.parse_args()
    folders = os.environ["PATH"].split(os.pathsep)
    folders = [each for each in folders if not Path(each).is_relative_to(ROOT / ".venv")]
    if not options.uv:
        folders = [each for each in folders if not shutil.which("uv", path=each)]
    with tempfile.TemporaryDirectory(prefix="mlprod-first-run-") as temporary:
        environment = os.environ | {
            "PATH": os.pathsep.join(folders),
            "PIP_CACHE_DIR": f"{temporary}/pip-cache",
            "UV_CACHE_DIR": f"{temporary}/uv-cache",
        }
        print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")
        for cache in ("cold", "warm")[: 1 + options.warm]:
            folder = Path(temporary, cache)
            folder.mkdir()
            print(f"\n{cache + ' cache':<56} {'waited':>8} {'computed':>9}")
            for name, waited, computed in first_run(folder, environment):
                seconds = "" if computed is None else f"{computed:.1f} s"
                print(f"{name:<56} {waited:>6.1f} s {seconds:>9}")
        print()
        for name in ("requirements.lock", ".venv", "app"):
            print(f"{name:<56} {size_of(folder / 'mlprod' / name):>6.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
