"""List the benchmarks, or run some of them: each prints its figures beside their goals.

    python -m benchmarks                        # what there is
    python -m benchmarks batch cluster          # run these two; all: each of them, an hour or more
    python -m benchmarks batch --write          # and keep what it prints in RESULTS.md
"""

import argparse
import ast
import datetime as dt
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
HEAD = "# Results\n\nThe last run of each benchmark, by `python -m benchmarks NAME --write`.\n"
BENCHMARKS = {
    path.stem if path.parent == HERE else path.parent.name: path
    for path in [*sorted(HERE.glob("[a-z]*.py")), HERE / "serving" / "run.py"]
}


def describe(path: Path) -> str:
    "Read the first line of a program's docstring."
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]


def run(path: Path) -> tuple[int, str]:  # exit status; what it printed
    "Run a benchmark, and show what it prints while it runs."
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile everything anew
    lines = []
    with subprocess.Popen(
        [sys.executable, path], stdout=subprocess.PIPE, text=True, encoding="utf-8",
        cwd=HERE.parent, env=environment,
    ) as process:  # fmt: skip
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def write_result(name: str, printed: str, load: float) -> None:
    "Put what a benchmark printed in the place of its last run, with the machine it comes from."
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    names = "|".join(BENCHMARKS)
    parts = re.split(rf"^## ({names})\n", page, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    loads = f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after"
    sections[name] = f"{dt.date.today()}, {machine}, {loads}.\n\n{printed.strip()}"
    body = "".join(f"\n## {each}\n\n{sections[each].strip()}\n" for each in sorted(sections))
    RESULTS.write_text(f"{HEAD}{body}", encoding="utf-8")


def main() -> int:  # exit status
    "List, or run."
    parser = argparse.ArgumentParser("python -m benchmarks", description=describe(Path(__file__)))
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, "all", []], metavar="NAME")
    parser.add_argument("--write", action="store_true", help="keep what is printed in RESULTS.md")
    options = parser.parse_args()
    if not options.names:
        print("\n".join(f"{name:<12} {describe(path)}" for name, path in BENCHMARKS.items()))
    failed = []
    for name in BENCHMARKS if "all" in options.names else options.names:
        print(f"## {name}\n", flush=True)
        load = os.getloadavg()[0]
        status, printed = run(BENCHMARKS[name])
        if status:
            failed.append(name)
        elif options.write:
            write_result(name, printed, load)
    if failed:
        print(f"benchmarks: ended with an error: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
