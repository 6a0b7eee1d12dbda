"""Adopting: a learner's code becomes the library's, or nothing has changed."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlprod.cli import main
from mlprod.consistency import check_app_folder, check_library
from mlprod.course.adopt import adopt_lesson, find_module, find_tests, undo_adoption
from mlprod.course.classroom import new_lesson
from mlprod.course.lessons import (
    CourseError,
    list_lessons,
    show_solution,
    start_lesson,
    work_file,
)
from mlprod.notebook import read_notebook

ROOT = Path(__file__).resolve().parent.parent
NAME = "11_holes"
pytestmark = pytest.mark.usefixtures("forked_kernels")
BLANK = 'raise NotImplementedError("Exercise 1: yours to write")'
# The first line is too long for the library, the second too dense.
MINE = f"""gaps = [one for one in values if one is None{" and one is None" * 5}]
    return len(gaps)/max(1, len(values))"""
EDGE = """
from mlprod.holes import share_missing


def test_text_is_no_hole():
    "An empty text is a value."
    assert share_missing(["", None]) == 0.5
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    "This repository with one lesson, the skeleton, whose module has a test of its own."
    root = tmp_path_factory.mktemp("adopt") / "mlprod"
    root.mkdir()
    (root / "nbs").mkdir()
    (root / "tests").mkdir()
    shutil.copy(ROOT / "nbs" / "conftest.py", root / "nbs")
    for name in ("settings.ini", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    for name in ("mlprod", "app"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    new_lesson(root, NAME, "Holes")
    (root / "tests" / "test_architecture.py").write_text("def test_nothing(): pass\n")
    (root / "tests" / "test_holes.py").write_text(EDGE)
    start_lesson(root, NAME)
    return root


def answer(root, code):
    "Answer both exercises of the learner's notebook, the first with some code."
    path = work_file(root, NAME)
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.source.startswith("#| exercise\nmost_missing"):
            cell.source = "#| exercise\nmost_missing = 0.6"
        elif "#| exercise\ndef" in cell.source:
            head = cell.source.partition('missing."\n')[0]
            cell.source = f'{head}missing."\n    {code}'
    nbformat.write(notebook, path)


def snapshot(root):
    "Every file with its bytes, except what a learner owns."
    files = [p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return {p: p.read_bytes() for p in files if "work" not in p.relative_to(root).parts}


def test_what_fails_a_check_or_a_test_changes_nothing(repository, monkeypatch, capsys):
    "Neither a wrong answer, nor one that the checks let pass and the module's own test does not."
    monkeypatch.chdir(repository)
    before = snapshot(repository)
    answer(repository, "return 1")
    with pytest.raises(CourseError, match="nothing has been changed"):
        adopt_lesson(repository, NAME)
    assert main(["lesson", "adopt", "11"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "mlprod: not adopted, nothing has been changed: not all checks pass"
    assert any(line.startswith(" " * 12 + "no   ") for line in said), said

    answer(repository, "return sum(v in (None, '') for v in values) / (len(values) or 1)")
    with pytest.raises(CourseError) as error:
        adopt_lesson(repository, NAME)
    verdict, *reasons = str(error.value).splitlines()
    assert verdict == "not adopted, nothing has been changed: the module's tests went wrong"
    assert "  AssertionError: assert 1.0 == 0.5" in reasons
    assert any(line.startswith("  FAILED tests/test_holes.py::test_text_is_no") for line in reasons)

    share = "return sum(v is None for v in values) / (len(values) or 1)"
    answer(repository, f"{share}  # {'which is more than fits into a line ' * 3}")
    with pytest.raises(CourseError) as error:
        adopt_lesson(repository, NAME)
    verdict, reason = str(error.value).splitlines()[:2]
    assert verdict == "not adopted, nothing has been changed: the style went wrong"
    assert "E501 Line too long" in reason
    assert snapshot(repository) == before


def test_an_output_that_differs_is_shown(repository, monkeypatch):
    "The reason has what the lesson shows, and what it prints with the learner's code."
    monkeypatch.chdir(repository)
    answer(repository, "return sum(v is None for v in values) / (len(values) or 1)")
    lesson = repository / "nbs" / f"{NAME}.ipynb"
    before, notebook = lesson.read_bytes(), nbformat.read(lesson, as_version=4)
    shown = [nbformat.v4.new_output("stream", text="then\n")]
    notebook.cells.append(nbformat.v4.new_code_cell("print('now')", outputs=shown))
    nbformat.write(notebook, lesson)
    with pytest.raises(CourseError, match="the lesson's outputs went wrong") as error:
        adopt_lesson(repository, NAME)
    lesson.write_bytes(before)

    reasons = [line.split() for line in str(error.value).splitlines()]
    assert ["-", "now"] in reasons and ["+", "then"] in reasons, error.value


def test_the_code_you_wrote_is_the_code_that_is_exported_and_it_can_be_undone(
    repository, monkeypatch, capsys
):
    "Lesson, library and app agree; hints and solution stay what they were; undo brings ours back."
    monkeypatch.chdir(repository)
    answer(repository, MINE)
    assert main(["lesson", "adopt", "11"]) == 0
    said = capsys.readouterr().out
    assert "changed  nbs/11_holes.ipynb" in said and "changed  mlprod/holes.py" in said
    library = repository / "mlprod" / "holes.py"
    assert "return len(gaps) / max(1, len(values))" in library.read_text()
    style = [sys.executable, "-m", "ruff", "check", "nbs", "mlprod/holes.py"]
    assert subprocess.run(style, cwd=repository).returncode == 0
    assert not [problem for problem in check_library(repository) if "holes" in problem]
    assert check_app_folder(repository) == []
    assert "+    return sum(value is None" in show_solution(repository, NAME, 1)

    assert main(["lesson", "adopt", "11", "--undo"]) == 0
    assert "return sum(value is None" in library.read_text()
    assert not [problem for problem in check_library(repository) if "holes" in problem]
    with pytest.raises(CourseError, match="nothing of lesson 11 has been adopted"):
        undo_adoption(repository, NAME)
    kept = sorted(path.name for path in (repository / "work" / "adopted").iterdir())
    assert kept == ["11_holes.before-undo.ipynb"]


def test_every_module_of_the_course_has_tests_that_guard_it():
    "Tests of its own, or for a part of the app the app's."
    modules = [find_module(read_notebook(path)) for path in list_lessons(ROOT).values()]
    for module in filter(None, modules):
        assert len(find_tests(ROOT, module)) > 1, module
