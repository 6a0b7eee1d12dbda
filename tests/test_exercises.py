"""Every exercise of the course: what its checks say to a blank, to wrong answers and to its own."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from suite import lacks_rows

from mlprod.cli import main
from mlprod.course.checks import check_answers
from mlprod.course.exercises import (
    blank_answer,
    blank_notebook,
    find_answers,
    name_check,
    read_lesson,
)

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted(
    path
    for path in (ROOT / "nbs").glob("[0-9]*.ipynb")
    if path.stem != "18_run"  # the line
)
WRONG = re.compile(r"^# exercise (\d+): (.+)$", re.MULTILINE)
lessons = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read_wrong_answers(name):
    "Number of the exercise → (what its check says, the answer), from tests/wrong_answers/."
    found = {}
    parts = WRONG.split((ROOT / "tests" / "wrong_answers" / f"{name}.py").read_text("utf-8"))[1:]
    for number, says, answer in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        found.setdefault(int(number), []).append((says.strip(), answer.strip()))
    return found


@lessons
def test_a_lesson_has_code_to_write_and_something_to_decide(path):
    "At least one exercise of each kind, of 5 to 20 minutes, with hints; every check can teach."
    lesson = read_lesson(path)
    kinds = {exercise.kind for exercise in lesson.exercises}
    exports = any("#| export" in cell.source for cell in lesson.notebook.cells)
    assert kinds >= ({"library code", "judgement"} if exports else {"judgement"})
    assert len(lesson.exercises) >= 2
    names = [name_check(check) for exercise in lesson.exercises for check in exercise.checks]
    assert len(set(names)) == len(names), names
    for exercise in lesson.exercises:
        exported = "#| export" in exercise.answer.source
        assert exported == (exercise.kind == "library code"), exercise.title
        assert 5 <= exercise.minutes <= 20 and exercise.hints, exercise.title
        assert blank_answer(exercise.answer.source) != exercise.answer.source, exercise.title
        for check in exercise.checks:
            asserts = [n for n in ast.walk(ast.parse(check.source)) if isinstance(n, ast.Assert)]
            assert asserts and all(a.msg for a in asserts), name_check(check)


@lessons
def test_a_learners_notebook_holds_no_line_of_a_solution(path):
    "Neither in a cell nor in an output."
    lesson = read_lesson(path)
    blank = blank_notebook(lesson)
    assert not any(cell.get("outputs") for cell in blank.cells)
    assert find_solution(lesson, "\n".join(cell.source for cell in blank.cells)) == []


def find_solution(lesson, text):
    "The lines of solutions that stand in a text; short ones may stand anywhere."
    told = []
    for exercise in lesson.exercises:
        kept = blank_answer(exercise.answer.source).splitlines()
        lines = [line for line in exercise.answer.source.splitlines() if line not in kept]
        told += [line for line in map(str.strip, lines) if len(line) > 20 and line in text]
    return told


@lessons
def test_an_answer_is_found_in_a_learners_notebook(path):
    "Written into the blank, ours are what the checks get to see, and nothing else was changed."
    lesson = read_lesson(path)
    notebook = blank_notebook(lesson)
    ours = {exercise.answer.id: exercise.answer.source for exercise in lesson.exercises}
    for cell in notebook.cells:
        cell.source = ours.get(cell.id, cell.source)

    found = find_answers(lesson, notebook)

    assert found.sources == {e.number: e.answer.source for e in lesson.exercises}
    assert not any(found.needs.values()) and found.notes == ()


@lessons
def test_checks_tell_right_from_wrong(path, forked_kernels):
    "The blank fails all of them, a wrong answer with the message meant for it, and ours none."
    if lacks_rows(path):
        pytest.skip("its rows have been removed")
    lesson, wrong = read_lesson(path), read_wrong_answers(path.stem)
    answers = {}
    for exercise in lesson.exercises:
        ours, others = exercise.answer.source, wrong[exercise.number]
        assert len(others) >= 2, f"exercise {exercise.number}: two wrong answers at least"
        answers[exercise.number] = [blank_answer(ours), *[text for _, text in others], ours]

    verdicts = check_answers(lesson, answers, ROOT / "nbs")

    for exercise in lesson.exercises:
        blank, *others, ours = verdicts[exercise.number]
        place = f"exercise {exercise.number}"
        assert {v.message for v in blank} == {"not answered yet"}, place
        for (says, _), found in zip(wrong[exercise.number], others, strict=True):
            messages = [verdict.message for verdict in found if not verdict.passed]
            assert any(says in message for message in messages), (place, says, messages)
        assert ours and all(verdict.passed for verdict in ours), (place, ours)


@pytest.fixture
def learner(tmp_path, monkeypatch):
    "A folder with the course, and nobody's work in it yet."
    for name in ("settings.ini", "nbs", "data", "app"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(path, answers):
    "Write answers into a learner's notebook: id of the cell → its source."
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    nbformat.write(notebook, path)


def read_verdicts(text):
    "What a check prints of each exercise: its number → passed or not yet."
    found = re.findall(r"^(passed|not yet) +Exercise (\d+):", text, re.MULTILINE)
    return {int(number): word for word, number in found}


def test_a_learner_gets_through(forked_kernels, learner, capsys):
    "One notebook, through the command: blank, then ours, then with one wrong answer each."
    path = ROOT / "nbs" / "09b_errors.ipynb"
    if lacks_rows(path):
        pytest.skip("its rows have been removed")
    lesson, wrong = read_lesson(path), read_wrong_answers(path.stem)
    numbers = [exercise.number for exercise in lesson.exercises]

    def check():
        "Exit status, and what was printed."
        status = main(["lesson", "check", lesson.number])
        return status, "".join(capsys.readouterr())

    assert main(["lesson", "start", lesson.number]) == 0
    status, text = check()
    assert status == 1 and read_verdicts(text) == dict.fromkeys(numbers, "not yet"), text
    assert text.count("not answered yet") == len(numbers), text
    assert find_solution(lesson, text) == []

    work = learner / "work" / path.name
    ours = {exercise.answer.id: exercise.answer.source for exercise in lesson.exercises}
    answer(work, ours)
    status, text = check()
    assert status == 0 and read_verdicts(text) == dict.fromkeys(numbers, "passed"), text

    for exercise in lesson.exercises:
        says, source = wrong[exercise.number][0]
        answer(work, ours | {exercise.answer.id: source})
        status, text = check()
        expected = dict.fromkeys(numbers, "passed") | {exercise.number: "not yet"}
        assert status == 1 and read_verdicts(text) == expected, text
        assert says in " ".join(text.split()), text
