"""For a class: assignments that nbgrader takes, marks that come whatever was handed in."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlprod.cli import main
from mlprod.course.classroom import (
    export_assignments,
    find_submissions,
    grade_folder,
    mark_solution,
    new_lesson,
)
from mlprod.course.exercises import Limits
from mlprod.course.lessons import CourseError, start_lesson, work_file
from mlprod.notebook import write_notebook

NAME = "11_holes"
pytestmark = pytest.mark.usefixtures("forked_kernels")
BLANK = 'raise NotImplementedError("Exercise 1: yours to write")'
RIGHT = "return sum(v is None for v in values) / (len(values) or 1)"


@pytest.fixture
def course(tmp_path):
    "A repository with one lesson, the skeleton."
    (tmp_path / "nbs").mkdir()
    (tmp_path / "settings.ini").touch()
    new_lesson(tmp_path, NAME, "Holes")
    start_lesson(tmp_path, NAME)
    return tmp_path


def hand_in(course, student, code, most_missing="0.6"):
    "What a student sends: the learner's notebook with an answer to each exercise."
    notebook = nbformat.read(work_file(course, NAME), as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(BLANK, code)
        cell.source = cell.source.replace("most_missing = ...", f"most_missing = {most_missing}")
    write_notebook(course / "submitted" / student / f"{NAME}.ipynb", notebook)


def test_whatever_is_handed_in_there_are_marks(course):
    "Loops, exits, hogs and broken files get theirs, and harm no other's."
    hand_in(course, "ada", RIGHT)
    hand_in(course, "bob", "while True: pass")
    hand_in(course, "cas", "import os; os._exit(1)")
    hand_in(course, "dov", "return len(bytearray(3 * 1024**3))")
    hand_in(course, "=eve", RIGHT, "0.1")
    (course / "submitted" / "fay").mkdir()
    (course / "submitted" / "fay" / f"{NAME}.ipynb").write_text("{")
    (course / "submitted" / f"gil_{NAME}.ipynb").write_bytes(
        (course / "submitted" / "ada" / f"{NAME}.ipynb").read_bytes()
    )
    (course / "submitted" / "notes.ipynb").write_text("{}")

    limits = Limits(seconds=2, memory=2 * 1024**3)
    to = course / "grades.csv"
    said = grade_folder(course, course / "submitted", to, io.StringIO(), limits)

    marks = list(csv.DictReader(io.StringIO(to.read_text(encoding="utf-8"))))
    assert len(marks) == 7 * 4
    passed = {mark["student"]: 0 for mark in marks}
    for mark in marks:
        passed[mark["student"]] += mark["passed"] == "True"
        assert bool(mark["message"]) == (mark["passed"] == "False")
    assert passed == {"'=eve": 3, "ada": 4, "bob": 2, "cas": 2, "dov": 2, "fay": 0, "gil": 4}
    first = {mark["student"]: mark["message"] for mark in reversed(marks)}
    assert "no end after 2 s" in first["bob"] and "exit status 1" in first["cas"]
    assert "MemoryError" in first["dov"]
    assert "expected a notebook" in first["fay"] and str(course) not in first["fay"]
    assert "no lesson is called so" in said and "notes.ipynb" in said


def test_a_folder_without_submissions_is_named(course, monkeypatch, capsys):
    "What was expected there, and no CSV."
    monkeypatch.chdir(course)
    (course / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        assert main(["lesson", "grade", folder]) == 1
        assert "expected" in capsys.readouterr().err
    assert not (course / "grades.csv").exists()


def test_students_are_found_in_every_layout(course):
    "A folder each, nbgrader's folders, a prefix; what systems leave is passed over."
    folder = course / "submitted"
    for name in (f"ada/{NAME}.ipynb", f"bob/{NAME}/{NAME}.ipynb", f"cas_{NAME}.ipynb",
                 f"ada/.ipynb_checkpoints/{NAME}-checkpoint.ipynb", "dov/other.ipynb",
                 f"__MACOSX/ada/._{NAME}.ipynb", f"__MACOSX/{NAME}.ipynb", f"ada/._{NAME}.ipynb",
                 f"ada/older/{NAME}.ipynb"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    os.utime(folder / "ada" / "older" / f"{NAME}.ipynb", (0, 0))
    found, notes = find_submissions(course, folder)
    assert [one.student for one in found] == ["ada", "bob", "cas"]
    assert found[0].path == folder / "ada" / f"{NAME}.ipynb"
    assert notes == [
        "no lesson is called so: dov/other.ipynb",
        f"ada {NAME}: 2 notebooks; the newest counts, ada/{NAME}.ipynb",
    ]


def test_exported_assignments_are_not_written_over(course):
    "A teacher may have changed them."
    paths = export_assignments(course, course / "class")
    with pytest.raises(CourseError, match="is there already"):
        export_assignments(course, course / "class")
    assert [path.name for path in paths] == [f"{NAME}.ipynb"]


def test_a_solution_is_marked_where_it_stands():
    "Below the docstring with its indent, in each method, around decorated functions, above values."
    source = (
        "class A:\n    x = 1\n\n    def f(self):\n        'Say.'\n        return 1\n\n"
        "    @property\n    def g(self):\n        @cache\n        def h(): ...\n        return h\n"
    )
    assert mark_solution(source) == (
        "class A:\n    x = 1\n\n    def f(self):\n        'Say.'\n        ### BEGIN SOLUTION\n"
        "        return 1\n        ### END SOLUTION\n\n    @property\n    def g(self):\n"
        "        ### BEGIN SOLUTION\n        @cache\n        def h(): ...\n        return h\n"
        "        ### END SOLUTION"
    )


GRADE = """
import pathlib
import shutil
import sys

import nbformat
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

config = Config()
config.CourseDirectory.root, config.CourseDirectory.course_id = sys.argv[1], "mlprod"
api = NbGraderAPI(config=config)
result = api.generate_assignment(sys.argv[2], create=True)
assert result["success"], result["log"]
root = pathlib.Path(sys.argv[1])
shutil.copytree(root / "release" / sys.argv[2], root / "submitted" / "ada" / sys.argv[2])
notebook = root / "submitted" / "ada" / sys.argv[2] / (sys.argv[2] + ".ipynb")
submission = nbformat.read(notebook, as_version=4)
[cell] = [c for c in submission.cells if "def share_missing(" in c.source]
head = cell.source.partition("# YOUR CODE HERE")[0]
cell.source = head + "return sum(v is None for v in values) / (len(values) or 1)"
nbformat.write(submission, notebook)
for do in (api.autograde, api.generate_feedback):
    result = do(sys.argv[2], "ada")
    assert result["success"], result["log"]
with api.gradebook as gradebook:
    print(gradebook.find_submission(sys.argv[2], "ada").score)
"""


def test_nbgrader_takes_assignments_as_they_are(course):
    "It generates the release without solutions, autogrades, and gives feedback."
    export_assignments(course, course / "class")
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(  # nbgrader calls alembic by its name
        [sys.executable, "-W", "ignore", "-c", GRADE, str(course / "class"), NAME],
        capture_output=True, text=True, cwd=course, env=os.environ | {"PATH": programs},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "2.0\n"  # of four: the first exercise is answered, the second is not
    release = (course / "class" / "release" / NAME / f"{NAME}.ipynb").read_text()
    assert "return sum(value is None" not in release and "most_missing = 0.5" not in release
    assert "YOUR CODE HERE" in release
    feedback = (course / "class" / "feedback" / "ada" / NAME / f"{NAME}.html").read_text()
    assert "NotImplementedError" in feedback


def test_a_new_lesson_takes_nobodys_place(course):
    "A free number, a free module, a name that can be one."
    (course / "mlprod").mkdir()
    (course / "mlprod" / "train.py").touch()
    for name, says in (
        ("11_other", "the number 11 is taken by 11_holes"),
        ("12_train", "mlprod/train.py is there already"),
        ("twelve", "expected a number and a module, such as 11_monitor"),
        ("12_../x", "expected a number and a module"),
    ):
        with pytest.raises(CourseError, match=says):
            new_lesson(course, name, "Other")
    assert [path.stem for path in (course / "nbs").glob("*.ipynb")] == [NAME]
