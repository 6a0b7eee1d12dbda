"""Run everything that holds the repository together: what `make test` and `make check` do.

python tests/suite.py test            # lessons, tests and check
python tests/suite.py test tests      # some of them
python tests/suite.py test --force    # the lessons that are unchanged since they passed, too
python tests/suite.py check           # check and lint: seconds
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = {  # the course's own notebooks are compared like lessons
    "lessons": ("nbs/*.ipynb", "nbs/workshop/*.ipynb"),
    "tests": ("tests/test_*.py",),
    "check": (),
}
# The longest first, so that no worker is left alone with one at the end; then the largest.
LONGEST = (
    "test_exercises.py", "test_setup.py", "test_story_site.py", "test_any_table.py",
    "test_faults_server.py", "test_score.py", "test_estimators.py", "12b_retrain.ipynb",
    "18_run.ipynb", "test_openapi.py", "test_run.py", "test_faults_log.py", "04b_choose.ipynb",
)  # fmt: skip

PASSED = "artifacts/passed.json"
CELL_SECONDS = 90  # no cell of a lesson needs a fifth of it
TEST_SECONDS = 180  # one test
WORKERS = min(3, (os.cpu_count() or 1) + 1)  # one more than two cores: much of a test is waiting


def run(*command: str | Path, **variables: str) -> int:
    "Run a program of this environment to its end and give its exit status."
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=os.environ | variables)
    try:
        while os.name == "posix" and process.poll() is None:
            wait_for_any(process)
        return process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reached the program too: let it close down in its own time
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def wait_for_any(process: subprocess.Popen) -> None:
    "Wait until some child ends; whatever a test has left is ours, and ours to bury."
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    if ended.si_pid != process.pid:
        os.waitpid(ended.si_pid, 0)


def choose_lessons(paths: list[Path], force: bool) -> dict[Path, str]:  # with their inputs
    "Find the lessons that have to be compared: those that have not passed as they are."
    from mlprod.unchanged import Inputs, Passed, describe_skipped, runs_all

    inputs, passed = Inputs(ROOT), Passed(ROOT / PASSED)
    how = [(ROOT / name).read_text("utf-8") for name in ("tests/suite.py", "pyproject.toml")]
    wanted = {path: inputs.hash(path, *how) for path in paths}
    if runs_all(force):
        return wanted
    chosen = {p: each for p, each in wanted.items() if not passed.holds(f"compared {p.name}", each)}
    if skipped := sorted(path.name for path in wanted.keys() - chosen.keys()):
        print(f"make: {describe_skipped(skipped, len(wanted))}", flush=True)
    return chosen


def record_passed(junit: Path, lessons: dict[Path, str]) -> None:
    "Record the lessons that passed, and forget that the others have."
    from mlprod.unchanged import Passed

    passed, fine = Passed(ROOT / PASSED), read_passed(junit, [*lessons])
    for path, inputs in lessons.items():
        if path in fine:
            passed.record(f"compared {path.name}", inputs)
        else:
            passed.forget(f"compared {path.name}")


def read_passed(junit: Path, lessons: list[Path]) -> list[Path]:
    "Find the lessons of which every cell was compared, and none was wrong."
    cells = {path: [] for path in lessons}
    names = {path.relative_to(ROOT).as_posix().replace("/", "."): path for path in lessons}
    for case in ElementTree.parse(junit).iter("testcase"):
        if path := names.get(case.get("classname")):
            cells[path].append({child.tag for child in case} & {"failure", "error", "skipped"})
    return [path for path, wrong in cells.items() if wrong and not any(wrong)]


def run_pytest(files: list[Path], lessons: dict[Path, str]) -> int:  # lessons: with their inputs
    "Lessons, each output compared with the stored one, and tests, in one pool: one may wait."
    # Outputs are those of Linux under the lock; elsewhere the last bits of a float may differ.
    strict = "--nbval" if sys.platform.startswith("linux") else "--nbval-lax"
    threads = os.environ.get("OMP_NUM_THREADS") or max(1, (os.cpu_count() or 1) // WORKERS)
    adopt_orphans()
    holder = tempfile.TemporaryDirectory()
    junit = Path(holder.name) / "junit.xml"
    status = run(
        "-m", "pytest", "-q", strict, "--nbval-cell-timeout", str(CELL_SECONDS),
        "--nbval-kernel-startup-timeout", "60", "--timeout", str(TEST_SECONDS),
        "-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder", f"--junitxml={junit}",
        *sorted([*files, *lessons], key=rank), OMP_NUM_THREADS=str(threads),
    )  # fmt: skip
    if lessons and status in (0, 1):  # it came to its end
        record_passed(junit, lessons)
    holder.cleanup()
    return end_orphans() or status


def rank(file: Path) -> tuple[int, int]:
    "Where a file stands in the queue."
    place = LONGEST.index(file.name) if file.name in LONGEST else len(LONGEST)
    return place, -file.stat().st_size


def adopt_orphans() -> None:
    "What a test leaves running becomes a child of this process; only Linux can say so."
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def end_orphans(seconds: float = 10) -> int:  # some may be about to end
    "End the processes that tests have left, and say whose they are; 1 if there were any."
    deadline = time.monotonic() + seconds
    while (orphans := find_children()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for folder in orphans:
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        variables = (folder / "environ").read_bytes().split(b"\0")
        test = [line.decode() for line in variables if line.startswith(b"PYTEST_CURRENT_TEST=")]
        place = f"a test in {os.readlink(folder / 'cwd')}"
        where = test[0].partition("=")[2].rpartition(" ")[0] if test else place
        print(f"{where} has left process {folder.name} running: {command}", flush=True)
        os.kill(int(folder.name), signal.SIGKILL)
    with suppress(ChildProcessError):  # until none is left
        while orphans:
            os.wait()
    return 1 if orphans else 0


def find_children() -> list[Path]:
    "The folders in /proc of the processes below this one that have not ended."
    states, parents = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except OSError:  # it has just ended
            continue
        states[folder], parent = text.rpartition(")")[2].split()[:2]
        parents[folder] = Path("/proc", parent)

    def is_below(folder: Path) -> bool:
        above = parents.get(folder)
        return above == Path("/proc", str(os.getpid())) or (above in parents and is_below(above))

    return [folder for folder in parents if states[folder] != "Z" and is_below(folder)]


def run_parts(parts: dict[str, Callable[[], int]]) -> int:
    "Run every part, also after one that failed, and close with a summary."
    rows, failed = [], False
    for name, part in parts.items():
        print(f"make: {name} ...", flush=True)
        started = time.monotonic()
        status = part()
        failed |= status != 0
        verdict = f"FAILED (exit status {status})" if status else "ok"
        rows.append(f"{name:<16} {time.monotonic() - started:>5.0f} s  {verdict}")
    print("", *rows, sep="\n", flush=True)
    return 1 if failed else 0


def lacks_rows(path: Path) -> bool:
    "Say whether a file reads the flights in a repository that has removed them (`mlprod own`)."
    return not (ROOT / "data" / "flights").is_dir() and "flights" in path.read_text("utf-8")


def check_notebooks() -> int:
    "Library, README and app match the notebooks."
    return run("-m", "mlprod.cli", "check")


def lint() -> int:
    return run("-m", "ruff", "check", "--quiet", ".")


def main() -> int:
    verb, *wanted = sys.argv[1:]
    if verb == "check":
        return run_parts({"check": check_notebooks, "lint": lint})
    force, wanted = "--force" in wanted, [name for name in wanted if name != "--force"]
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"make.py: test {unknown[0]}: expected some of {', '.join(PARTS)}", file=sys.stderr)
        return 1
    wanted = [name for name in PARTS if name in wanted or not wanted]
    files = {
        name: [path for pattern in PARTS[name] for path in ROOT.glob(pattern)]
        for name in wanted
        if PARTS[name]
    }
    empty = [name for name in files if not files[name]]
    if empty:
        print(f"make.py: test {empty[0]}: there are none ({PARTS[empty[0]][0]})", file=sys.stderr)
        return 1
    for name, paths in files.items():
        if without := [path for path in paths if lacks_rows(path)]:
            print(f"make: {name}: {len(without)} need data/flights, which is not there: left out")
            files[name] = [path for path in paths if path not in without]
    lessons = choose_lessons(files["lessons"], force) if "lessons" in files else {}
    tests, parts = files.get("tests", []), {}
    if tests or lessons:
        parts[" + ".join(files)] = lambda: run_pytest(tests, lessons)
    if "check" in wanted:
        parts["check"] = check_notebooks
    return run_parts(parts)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes read what one compiled
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
