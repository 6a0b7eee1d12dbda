"""Runs in parts: killed at every step they go on, and the output is the same to the last byte."""

import json
import os
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_score import ARTIFACTS, FLIGHTS, HEADER, LINE, ROOT, posix, read_dicts

from mlprod import parts, score
from mlprod.parts import MANIFEST, score_table
from mlprod.score import ScoreError

BAD = LINE.replace("719", "far")
KILLER = """
import os, signal, sys
from mlprod import parts, score
from mlprod.app.model import InService

artifacts, source, target, quiet, rejects, *deaths = sys.argv[1:]
score.BYTES = 10_000
artifact = InService(artifacts).artifact()
write, line, finish, replace, make = (
    parts.write_aside, parts.append_line, parts.finish_parts, os.replace, score.make_part
)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after_joining(*arguments):
    yield from finish(*arguments)
    die()

def die_at(step):
    if step == "before a part":
        parts.write_aside = die
    elif step == "before its line":
        parts.append_line = lambda file, page: line(file, page) if type(page) is dict else die()
    elif step == "within its line":
        parts.append_line = lambda file, page: line(file, page) if type(page) is dict else (
            file.write(parts.write_line(page)[:20]), file.flush(), die())
    elif step == "after a part":
        parts.append_line = lambda file, page: (line(file, page), type(page) is dict or die())
    elif step == "while joining":
        parts.finish_parts = die_after_joining
    elif step == "before the name":
        os.replace = lambda old, new: die() if str(new) == target else replace(old, new)
    elif step == "after the name":
        os.replace = lambda old, new: (replace(old, new), str(new) == target and die())

for step in deaths:
    child = os.fork()
    if not child:
        die_at(step)
        parts.score_table(artifact, source, target, rejects)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, step
made = []
score.make_part = lambda task, piece: (made.append(piece), make(task, piece))[1]
print(*parts.score_table(artifact, source, target, rejects), "of", len(made), "parts")
os.rename(rejects, rejects + ".killed")
print(*parts.score_table(artifact, source, quiet, rejects), "of", len(made), "parts")
"""
STEPS = ["before a part", "before its line", "within its line", "after a part",
         "after a part", "while joining", "before the name", "after the name"]  # fmt: skip


def read_output(path):
    "Bytes of an output; of a folder all that it holds."
    if path.is_dir():
        return {each.name: each.read_bytes() for each in sorted(path.iterdir())}
    return path.read_bytes()


@pytest.fixture
def delivered(tmp_path):
    "A folder with a file of 1,000 records, eleven of them bad: four batches of 10,000 bytes."
    lines = [BAD if number % 97 == 0 else LINE for number in range(1000)]
    (tmp_path / "in.csv").write_text("\n".join([HEADER, *lines]))
    return tmp_path


@posix
@pytest.mark.parametrize("ending", [".csv", ".parquet", ""])
def test_a_run_killed_at_every_step_goes_on_and_the_output_is_equal(delivered, ending):
    "Between the name of a part and its line, while joining, before and after the output's name."
    places = [delivered / name for name in ("in.csv", f"out{ending}", f"quiet{ending}", "bad.csv")]
    words = [ARTIFACTS, *places, *STEPS]
    command = [sys.executable, "-c", KILLER, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1000 989 11 0 of 0 parts", "1000 989 11 0 of 4 parts"]
    assert read_output(places[1]) == read_output(places[2])
    assert (delivered / "bad.csv").read_bytes() == (delivered / "bad.csv.killed").read_bytes()
    names = ["bad.csv", "bad.csv.killed", "in.csv", f"out{ending}", f"quiet{ending}"]
    assert sorted(each.name for each in delivered.iterdir()) == names


def test_what_changes_the_bytes_begins_a_new_run(delivered):
    "Another input, name, artifact, format or way with bad records: no part of it is used."
    task = score.Task(FLIGHTS, None, "out.csv", True)
    source = [str(delivered / "in.csv")]
    head = parts.make_head(source, [""], task)
    assert parts.make_head(source, [""], task) == head
    others = [
        parts.make_head(source, [""], task._replace(target="out.parquet")),
        parts.make_head(source, [""], task._replace(rejects=False)),
        parts.make_head(source * 2, ["", ""], task),
        parts.make_head(source, ["in.csv"], task),
        parts.make_head(["-"], [""], task),
    ]
    (delivered / "in.csv").write_text(f"{HEADER}\n{LINE}\n")
    others.append(parts.make_head(source, [""], task))
    assert head not in others
    assert parts.make_head(["-"], [""], task) != parts.make_head(["-"], [""], task)
    for other in others:
        text = b"".join(map(parts.write_line, (head, parts.Line(0, 1, 1, 0, 0))))
        assert parts.read_done(text, other) == ([], 0)


def test_two_runs_do_not_write_one_output(tmp_path):
    "The second is refused, and the parts of the first stay."
    head = {"input": [["in.csv", 1]]}
    with parts.open_folder(tmp_path / "out.csv", head) as (folder, manifest, _):
        (folder / "part-00000.csv").write_text("1")
        parts.append_line(manifest, parts.Line(0, 1, 1, 0, 0))
        second = parts.open_folder(tmp_path / "out.csv", head)
        with pytest.raises(ScoreError, match="alone, got another run"), second:
            pass
    with parts.open_folder(tmp_path / "out.csv", head) as (folder, _, done):
        assert done == [(1, 1, 0, 0)] and (folder / "part-00000.csv").exists()


def test_a_folder_and_a_pattern_are_one_input(tmp_path):
    "The file's name and the record's number in it are in the output and with rejected records."
    (tmp_path / "in").mkdir()
    for name, lines in (("b.csv", [BAD, LINE]), ("a.csv", [LINE, LINE, BAD]), ("_SUCCESS", [])):
        (tmp_path / "in" / name).write_text("\n".join([HEADER, *lines]))
    results = []
    for source, target in (("in", "out.ndjson"), ("in/*.csv", "out.parquet"), ("in", "out.tsv")):
        names = [str(tmp_path / name) for name in (source, target, "bad.csv")]
        assert score_table(FLIGHTS, *names) == (5, 3, 2, 0)
        results.append(read_dicts(tmp_path / "bad.csv"))
    lines = [json.loads(line) for line in (tmp_path / "out.ndjson").read_bytes().splitlines()]
    assert [(each["file"], each["record"]) for each in lines] == [
        ("a.csv", 1), ("a.csv", 2), ("b.csv", 2)
    ]  # fmt: skip
    frame = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert list(frame)[:2] == ["file", "record"] and frame["record"].tolist() == [1, 2, 2]
    assert pd.read_csv(tmp_path / "out.tsv", sep="\t")["file"].tolist() == [
        "a.csv",
        "a.csv",
        "b.csv",
    ]
    assert [(each["file"], each["record"]) for each in results[0]] == [
        ("a.csv", "3"),
        ("b.csv", "1"),
    ]
    assert frame["file"].str.endswith(("in/a.csv", "in/b.csv")).all()


def test_a_folder_of_parquet_is_read_by_other_programs(tmp_path):
    "Its notes begin with an underscore; another run does not write into it."
    source = str(ROOT / "data" / "flights" / "sample.parquet")
    assert score_table(FLIGHTS, source, str(tmp_path / "out")).written == 5000
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        MANIFEST, "part-00000.parquet"
    ]  # fmt: skip
    assert len(pq.read_table(tmp_path / "out")) == 5000
    assert score_table(FLIGHTS, source, str(tmp_path / "out")).written == 5000  # it is there
    (tmp_path / "in.csv").write_text(f"{HEADER}\n{LINE}\n")
    with pytest.raises(ScoreError, match="one of the same run"):
        score_table(FLIGHTS, str(tmp_path / "in.csv"), str(tmp_path / "out"))
    assert len(pq.read_table(tmp_path / "out")) == 5000


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.csv", "b.parquet"], "expected files of one format, got CSV and Parquet"),
        (["a.csv", "readme.txt"], "expected a name that ends in"),
        ([], "expected files of one format, got none"),
        (["a.csv", "b.csv"], "b.csv: columns: "),
    ],
)
def test_a_folder_that_is_no_table_is_refused(tmp_path, names, words):
    "In one line, and nothing is left out in silence."
    (tmp_path / "in").mkdir()
    for name in names:
        text = f"{HEADER}\n{LINE}\n" if name != "b.csv" else f"{HEADER},tail\n{LINE},N1\n"
        (tmp_path / "in" / name).write_text(text)
    for source in ("in", "in/*"):
        with pytest.raises(ScoreError) as caught:
            score_table(FLIGHTS, str(tmp_path / source), str(tmp_path / "out.csv"))
        assert words in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ScoreError):
        score_table(FLIGHTS, str(tmp_path / "in"), str(tmp_path / "in" / "out.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_is_another_input_than_its_only_file(tmp_path):
    "The file's name stands in the output of one of them: neither goes on with the other's parts."
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "in.csv").write_text("\n".join([HEADER, *[LINE] * 3]))
    parts.score_table(FLIGHTS, str(tmp_path / "in"), str(tmp_path / "out"))
    with pytest.raises(ScoreError, match="expected no such folder"):
        parts.score_table(FLIGHTS, str(tmp_path / "in" / "in.csv"), str(tmp_path / "out"))


@posix
def test_a_pipe_with_a_name_is_refused_at_once(tmp_path):
    "A file is read more than once: for its header, and for what it is."
    os.mkfifo(tmp_path / "in.csv")
    with pytest.raises(ScoreError, match="expected a file, got a pipe or device"):
        parts.score_table(FLIGHTS, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
