"""How long a learner waits for a verdict, lesson by lesson, and what part of it is start-up.

    python benchmarks/course.py [LESSON ...]

Measured three times with the lesson's own answers, on a notebook in a temporary folder:
the start of a kernel alone; the start with what the lesson imports and defines; from there to the
verdict; and, in a real `mlprod lesson check --watch`, from the save to the verdict. Medians.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import nbformat

from mlprod.course.checks import Bench, check_answers
from mlprod.course.exercises import read_lesson
from mlprod.course.lessons import find_lesson, list_lessons

ROOT = Path(__file__).resolve().parent.parent
TIMES = 3
END = "waiting for the next save"


def measure_parts(lesson):
    "Seconds: a kernel alone, one that is ready for the first exercise, and from there the verdict."
    folder, parts = ROOT / "nbs", []
    empty = replace(lesson, notebook=nbformat.v4.new_notebook(), exercises=())
    answers = {exercise.number: [exercise.answer.source] for exercise in lesson.exercises}
    for _ in range(TIMES):
        times = [time.perf_counter()]
        bare = Bench(empty, folder)
        times.append(time.perf_counter())
        bare.close()
        times.append(time.perf_counter())
        bench = Bench(lesson, folder)
        times.append(time.perf_counter())
        found = check_answers(lesson, answers, folder, bench=bench)
        times.append(time.perf_counter())
        assert all(v.passed for one in found.values() for verdicts in one for v in verdicts)
        parts.append((times[1] - times[0], times[3] - times[2], times[4] - times[3]))
    return [statistics.median(column) for column in zip(*parts, strict=True)]


def measure_watch(lesson, pause):
    "Seconds from a save to the verdict, in a process that watches."
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("settings.ini", "nbs"):
            (root / name).symlink_to(ROOT / name)
        work = root / "work" / f"{lesson.name}.ipynb"
        work.parent.mkdir()
        nbformat.write(lesson.notebook, work)
        output = root / "output.txt"
        command = [sys.executable, "-m", "mlprod.cli", "lesson", "check", lesson.number, "--watch"]
        with output.open("w") as file:
            process = subprocess.Popen(command, cwd=root, stdout=file, stderr=subprocess.STDOUT)
        times = []
        try:
            for count in range(1, TIMES + 2):
                while output.read_text().count(END) < count:
                    assert process.poll() is None, output.read_text()
                    time.sleep(0.005)
                times.append(time.perf_counter())
                time.sleep(pause)  # nobody types faster than a kernel starts
                nbformat.write(lesson.notebook, work)
                times.append(time.perf_counter())
        finally:
            process.terminate()
            process.wait()
    saved, answered = times[1:-1:2], times[2::2]
    return statistics.median(a - s for s, a in zip(saved, answered, strict=True))


def main(words):
    "Print a table of all lessons, or of those that are named."
    names = [find_lesson(ROOT, word) for word in words]
    paths = [p for p in list_lessons(ROOT).values() if not names or p.stem in names]
    print("| lesson | exercises | checks | kernel | ready | verdict | check | save to verdict |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    totals = []
    for path in paths:
        lesson = read_lesson(path)
        checks = sum(len(exercise.checks) for exercise in lesson.exercises)
        bare, ready, verdict = measure_parts(lesson)
        watch = measure_watch(lesson, 2 * ready + 0.5)
        row = (bare, ready, verdict, ready + verdict, watch)
        totals.append((len(lesson.exercises), checks, *row))
        cells = " | ".join(f"{seconds:.2f} s" for seconds in row)
        print(f"| {path.stem} | {len(lesson.exercises)} | {checks} | {cells} |", flush=True)
    exercises, checks, *seconds = zip(*totals, strict=True)
    middle = " | ".join(f"{statistics.median(column):.2f} s" for column in seconds)
    print(f"| **all; medians** | {sum(exercises)} | {sum(checks)} | {middle} |")


if __name__ == "__main__":
    main(sys.argv[1:])
