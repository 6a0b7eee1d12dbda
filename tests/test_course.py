"""Working through the course: whatever a learner does, one clear line, and nothing is lost."""

import json
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from mlprod.cli import main
from mlprod.course.checks import check_answers
from mlprod.course.classroom import new_lesson
from mlprod.course.exercises import ExerciseError, Limits, blank_answer, find_answers, read_lesson
from mlprod.course.lessons import (
    CourseError,
    check_lesson,
    find_lesson,
    keep_copy,
    list_progress,
    note_progress,
    read_progress,
    show_outcome,
    start_lesson,
    work_file,
)
from mlprod.notebook import read_notebook

NAME = "11_holes"
pytestmark = pytest.mark.usefixtures("forked_kernels")
RIGHT = "return sum(v is None for v in values) / (len(values) or 1)"
BLANK = 'raise NotImplementedError("Exercise 1: yours to write")'


@pytest.fixture
def course(tmp_path, monkeypatch):
    "A repository with one lesson, the skeleton, and the learner's notebook of it."
    (tmp_path / "nbs").mkdir()
    (tmp_path / "settings.ini").touch()
    new_lesson(tmp_path, NAME, "Holes")
    start_lesson(tmp_path, NAME)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(course, old, new):
    "Change a cell of the learner's notebook; give the bytes of the file."
    path = work_file(course, NAME)
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if old in cell.source)
    cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, path)
    return path.read_bytes()


def lesson(capsys, *words):
    "Run a command of the course; its status, and what it printed."
    capsys.readouterr()
    status = main(["lesson", *words])
    said = capsys.readouterr()
    return status, said.out + said.err


MISTAKES = {
    "a syntax error": ("return (", "line 7 of your answer: '(' was never closed"),
    "an endless loop": ("while True: pass", "no end after 1 s: an endless loop"),
    "exit()": ("exit()", "the answer calls exit"),
    "sys.exit": ("import sys; sys.exit()", "the answer calls exit"),
    "a kernel that dies": ("import os; os._exit(7)", "the kernel left with exit status 7"),
    "a name that is not there": ("return numpy.mean(values)", "name 'numpy' is not defined"),
    "an error": ("return values.sum()", "in line 7 of your answer: return values.sum()"),
    "a flood": ("while True: print('x' * 10**5)", "no end after 1 s"),
}


def test_a_mistake_in_an_answer_is_one_line(course):
    "It says what to look at, harms neither the next answer nor the other exercise."
    own = read_lesson(course / "nbs" / f"{NAME}.ipynb")
    blank = blank_answer(own.exercises[0].answer.source)
    answers = [blank.replace('raise NotImplementedError("yours to write")', body)
               for body, _ in MISTAKES.values()]  # fmt: skip

    limits = Limits(seconds=1)
    found = check_answers(own, {1: answers, 2: ["most_missing = 0.6"]}, course, limits)

    for (_, wanted), verdicts in zip(MISTAKES.values(), found[1], strict=True):
        assert not all(verdict.passed for verdict in verdicts)
        messages = {verdict.message for verdict in verdicts}
        assert any(wanted in message for message in messages), (wanted, messages)
        assert not any("\n" in message for message in messages)
    assert all(verdict.passed for verdict in found[2][0])


def test_a_check_leaves_the_notebook_as_it_is(course, capsys):
    "Whatever is in it: one answer that is no Python, and one that ends the kernel."
    edit(course, BLANK, "return (")
    before = edit(course, "most_missing = ...", "import os; os._exit(7)")
    status, said = lesson(capsys, "check", "11")
    assert status == 1 and "Traceback" not in said
    assert "line 7 of your answer: '(' was never closed" in said
    assert "the kernel left with exit status 7" in said
    assert work_file(course, NAME).read_bytes() == before


def test_an_answer_that_a_given_cell_breaks_on_is_the_one_to_blame(course):
    "The lesson's own cell works with the lesson's own answer, so its author is not."
    path = course / "nbs" / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    place = [cell.source.startswith("#| exercise\nmost") for cell in notebook.cells].index(True)
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("percent = 100 * most_missing + 0"))
    nbformat.write(notebook, path)
    found = check_answers(read_lesson(path), {2: ["most_missing = 'half'"]}, course)
    assert not any(verdict.passed for verdict in found[2][0])
    assert all("TypeError" in verdict.message for verdict in found[2][0])


def test_checks_of_the_copy_do_not_count(course):
    "One that was made to pass, deleted or renamed is named, and the lesson's own decides."
    edit(course, "assert share == 0.5", "pass  # ")
    edit(course, "#| check: an empty column is no error", "#| check: fine")
    path = work_file(course, NAME)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [c for c in notebook.cells if "a rumour is refused\n" not in c.source]
    nbformat.write(notebook, path)

    outcome = check_lesson(course, NAME)

    assert not any(v.passed for found in outcome.verdicts.values() for v in found)
    assert outcome.answers.notes == (
        "the check 'missing values are counted' was changed: the lesson's own counts",
        "the check 'an empty column is no error' was changed: the lesson's own counts",
        "the check 'a rumour is refused' is gone: the lesson's own counts",
    )


def test_an_answer_is_found_wherever_it_is_moved_to(course):
    "In a cell of its own that is new; and where there is none, that is what is said."
    path = work_file(course, NAME)
    notebook = nbformat.read(path, as_version=4)
    answer = next(cell for cell in notebook.cells if BLANK in cell.source)
    notebook.cells.remove(answer)
    nbformat.write(notebook, path)
    assert "its cell is gone from your notebook" in show_outcome(check_lesson(course, NAME, 1))

    moved = nbformat.v4.new_code_cell(answer.source.replace(BLANK, RIGHT))
    notebook.cells.append(moved)
    nbformat.write(notebook, path)
    assert check_lesson(course, NAME, 1).passed


def without_ids(notebook):
    "As a program of format 4.0 saves it."
    for cell in notebook["cells"]:
        cell.pop("id", None)
    notebook["nbformat_minor"] = 0


def as_colab(notebook):
    "Ids among the metadata, format 4.0, a cell of its own on top."
    for cell in notebook["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
    notebook["cells"].insert(0, {"cell_type": "code", "source": ["!ls"], "metadata": {"id": "x"},
                                 "outputs": [], "execution_count": 1})  # fmt: skip
    notebook["nbformat_minor"] = 0


def as_vscode(notebook):
    "Format 4.2, sources as one text, languages in the metadata."
    without_ids(notebook)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        cell["metadata"]["vscode"] = {"languageId": "python"}
    notebook["nbformat_minor"] = 2


def as_new_ids(notebook):
    "Every cell copied into a new notebook: ids that the lesson does not know."
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"copied-{number}"


def as_saved(notebook):
    "JupyterLab's own, format 4.5."


SAVERS = [as_saved, without_ids, as_colab, as_vscode, as_new_ids]


@pytest.mark.parametrize(
    "place", ["in the blank", "below the blank", "with a helper above", "with a magic"]
)
def test_an_answer_counts_wherever_and_however_it_was_saved(course, place):
    "What running the notebook would define decides, and a wrong answer stays wrong."
    own, path = read_lesson(course / "nbs" / f"{NAME}.ipynb"), work_file(course, NAME)
    text, answers = path.read_text(), {1: [], 2: []}
    for save in SAVERS:
        notebook = json.loads(text)
        write_answer(notebook["cells"], place)
        save(notebook)
        for most_missing in (0.6, 0.1):
            for cell in notebook["cells"]:
                cell["source"] = re.sub(
                    r"most_missing = (\.\.\.|[\d.]+)  #",
                    f"most_missing = {most_missing}  #",
                    "".join(cell["source"]),
                )
            path.write_text(json.dumps(notebook))
            found = find_answers(own, read_notebook(path))
            assert (found.notes, found.needs) == ((), {1: (), 2: ()}), save
            for number, source in found.sources.items():
                answers[number].append(source)

    verdicts = check_answers(own, answers, course)

    passed = {n: [all(v.passed for v in vs) for vs in found] for n, found in verdicts.items()}
    assert passed == {1: [True] * 10, 2: [True, False] * 5}


def write_answer(cells, place):
    "Answer the first exercise in one of the places where people do."
    index = next(i for i, cell in enumerate(cells) if BLANK in "".join(cell["source"]))
    blank = "".join(cells[index]["source"])
    body = "return count(values) / (len(values) or 1)" if "helper" in place else RIGHT
    answer = blank.replace(BLANK, body)
    answer = f"%%time\n{answer}" if "magic" in place else answer
    helper = {"cell_type": "code", "id": "mine", "metadata": {}, "outputs": [],
              "execution_count": None, "source": "def count(values):\n    return "
              "sum(v is None for v in values)\n"}  # fmt: skip
    if place == "below the blank":
        cells.insert(index + 1, helper | {"source": answer})
    else:
        cells[index]["source"] = answer
    if place == "with a helper above":
        cells.insert(2, helper)


def test_an_answer_may_use_a_cell_of_the_lesson(course, capsys):
    "One that the checks do not run by themselves: the notebook would have it, so they have it."
    path = course / "nbs" / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(3, nbformat.v4.new_code_cell("nothing = None\nprint('shown')"))
    nbformat.write(notebook, path)
    lesson(capsys, "start", "11", "--again")
    edit(course, BLANK, RIGHT.replace("is None", "is nothing"))
    status, said = lesson(capsys, "check", "11", "1")
    assert status == 0, said
    assert "not adopted: exercise 1 uses a cell that the library does not have, 'nothing =" in (
        edit(course, "most_missing = ...", "most_missing = 0.6")
        and lesson(capsys, "adopt", "11")[1]
    )


def test_a_check_says_which_save_it_read_and_what_comes_next(course, capsys):
    "File and time; the exercise that is open, after one that has passed."
    edit(course, BLANK, RIGHT)
    said = lesson(capsys, "check", "11", "1")[1]
    assert re.match(rf"work/{NAME}\.ipynb, saved at \d\d:\d\d:\d\d\n", said)
    assert "next: exercise 2, " in said and "mlprod lesson hint 11 2" in said


def test_a_lesson_without_exercises_says_what_it_is(course, capsys):
    "It is in the list, and cannot be started."
    cells = [nbformat.v4.new_markdown_cell("# The line\n\n*CI · optional · 20 minutes*")]
    path = course / "nbs" / "18_run.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    status, said = lesson(capsys, "start", "18")
    assert status == 1 and "lesson 18 is 'The line', and has no exercises" in said
    said = lesson(capsys, "list")[1]
    assert re.search(r"^18 +The line +CI +optional +20  none$", said, re.MULTILINE), said
    assert "optional 0 hours" in said


def test_a_cell_of_the_lesson_that_breaks_is_named_and_not_shown(course):
    "Its text may be a solution."
    path = course / "nbs" / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(3, nbformat.v4.new_code_cell("#| export\nsecret = undefined_name"))
    nbformat.write(notebook, path)
    with pytest.raises(ExerciseError) as error:
        check_answers(read_lesson(path), {1: ["share_missing = len"]}, course)
    assert "NameError" in str(error.value) and "secret" not in str(error.value)
    assert re.search(r"11_holes, cell 4 \(.*\): ", str(error.value))


def test_edits_elsewhere_do_not_count_and_are_named(course):
    "The lesson's own cells run; imports that were changed are said to be."
    edit(course, "from collections.abc import Sequence", "from collections.abc import Sized")
    edit(course, BLANK, RIGHT)
    outcome = check_lesson(course, NAME, 1)
    assert outcome.passed
    assert outcome.answers.notes == (
        "the cell 'from collections.abc import Sequence' was changed: the lesson's own counts",
    )


@pytest.mark.parametrize("content", ["{", "[]", "", '{"cells": 3}', "\x00"])
def test_a_notebook_that_is_none_is_one_line(course, capsys, content):
    "With the way to a new one that keeps it; the file stays as it is."
    path = work_file(course, NAME)
    path.write_text(content)
    status, said = lesson(capsys, "check", "11")
    assert status == 1 and said.count("\n") == 1
    assert f"work/{NAME}.ipynb: expected a notebook" in said
    assert "mlprod lesson start 11 --again" in said and str(course) not in said
    assert path.read_text() == content

    assert lesson(capsys, "start", "11", "--again")[0] == 0
    assert (path.parent / f"{NAME}.1.ipynb").read_text() == content


def test_starting_never_overwrites(course, capsys):
    "Refused, or kept under the first name that is free, as often as it takes."
    mine = edit(course, BLANK, RIGHT)
    status, said = lesson(capsys, "start", "11")
    assert status == 1 and "is there already" in said and "--again" in said
    assert work_file(course, NAME).read_bytes() == mine
    for number in (1, 2):
        lesson(capsys, "start", "11", "--again")
        assert (course / "work" / f"{NAME}.{number}.ipynb").exists()
    assert (course / "work" / f"{NAME}.1.ipynb").read_bytes() == mine


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("12", "no lesson 12; did you mean 11 (holes)?"),
        ("hols", "no lesson hols; did you mean 11 (holes)?"),
        ("11z", "no lesson 11z; did you mean 11 (holes)?"),
        ("", "no lesson ; did you mean 11 (holes)?"),
        ("²", "no lesson ²; did you mean 11 (holes)?"),
    ],
)
def test_an_unknown_lesson_gets_the_nearest(course, word, wanted):
    "By number or by spelling."
    with pytest.raises(CourseError) as error:
        find_lesson(course, word)
    assert str(error.value) == wanted


def test_a_lesson_is_found_by_what_people_call_it(course):
    "Number, name, both, and a letter in either case."
    new_lesson(course, "09a_bodies", "Bodies")
    new_lesson(course, "09b_watch", "Watch")
    names = {word: find_lesson(course, word) for word in ("11", "holes", NAME, "9A", "bodies")}
    assert names == {
        "11": NAME, "holes": NAME, NAME: NAME, "9A": "09a_bodies", "bodies": "09a_bodies"
    }  # fmt: skip
    with pytest.raises(CourseError, match="lesson 9 has parts: 09a, 09b; choose one"):
        find_lesson(course, "9")


def test_the_course_from_start_to_done(course, capsys):
    "Hints one by one, the solution after a try, done in the list; and the file moves with work/."
    assert "0 of 2 ..    <- next" in lesson(capsys, "list")[1]
    assert lesson(capsys, "hint", "11", "1")[1].startswith("Hint 1 of 2: What is the length")
    assert lesson(capsys, "hint", "11", "1")[1].startswith("Hint 2 of 2: Ask for the empty")
    assert "mlprod lesson solution 11 1" in lesson(capsys, "hint", "11", "1")[1]
    refused = lesson(capsys, "solution", "11", "1")[1]
    assert "not tried yet; ask once more" in refused and "return" not in refused
    assert "+    return sum(" in lesson(capsys, "solution", "11", "1")[1]

    edit(course, BLANK, "return 0.5")
    status, said = lesson(capsys, "check", "11")
    assert status == 1 and "no   an empty column is no error" in said
    assert "stuck? mlprod lesson hint 11 1" in said
    edit(course, "return 0.5", RIGHT)
    edit(course, "most_missing = ...", "most_missing = 0.6")
    status, said = lesson(capsys, "check", "11")
    assert status == 0 and "Lesson 11 is done. Well worked." in said
    assert (
        "-most_missing = 0.6  # share of a column\n+most_missing = 0.5"
        in lesson(capsys, "solution", "11", "2")[1]
    )
    assert "2 of 2 xx    done" in lesson(capsys, "list")[1]

    facts = json.loads((course / "work" / "progress.json").read_text())[NAME]
    assert facts["1"]["tries"] == 2 and facts["1"]["hints"] == 2 and facts["2"]["passed"]
    moved = course / "elsewhere"
    moved.mkdir()
    (course / "nbs").rename(moved / "nbs")
    (course / "work").rename(moved / "work")
    assert list_progress(moved)[0].done == [1, 2]


@pytest.mark.parametrize("content", ["{", "[1]", '{"11_holes": {"1": 3}}', '{"11_holes": []}'])
def test_progress_that_cannot_be_read_is_named_and_kept(course, capsys, content):
    "It is the learner's; nothing is written over it."
    path = course / "work" / "progress.json"
    path.write_text(content)
    status, said = lesson(capsys, "list")
    assert status == 1 and "work/progress.json: expected lessons with their exercises" in said
    with pytest.raises(CourseError):
        note_progress(course, NAME, 1, tries=1)
    assert path.read_text() == content


def test_a_passed_exercise_that_is_broken_again_is_not_done(course):
    "Progress says what holds now."
    edit(course, BLANK, RIGHT)
    assert check_lesson(course, NAME, 1).passed
    edit(course, RIGHT, "return 1")
    assert not check_lesson(course, NAME, 1).passed
    assert not read_progress(course)[NAME]["1"]["passed"]


def test_an_exercise_that_is_not_there(course, capsys):
    "The numbers that there are, named."
    for words in (["check", "11", "3"], ["hint", "11", "0"], ["solution", "11", "9"]):
        status, said = lesson(capsys, *words)
        assert status == 1 and "lesson 11 has exercises 1 to 2; got" in said


def test_watching_answers_each_save(course, tmp_path):
    "Now, and again when the file has changed, also while it is broken; Ctrl-C ends it."
    output = tmp_path / "said.txt"
    command = [sys.executable, "-m", "mlprod.cli", "lesson", "check", "11", "--watch"]
    with output.open("w") as file:
        watching = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    edits = [(BLANK, RIGHT), ("most_missing = ...", "most_missing = ("), None]
    for count, change in enumerate(edits, 1):
        until = time.monotonic() + 60
        while output.read_text().count("waiting for the next save") < count:
            assert watching.poll() is None and time.monotonic() < until, output.read_text()
            time.sleep(0.05)
        if change:
            edit(course, *change)
    watching.send_signal(signal.SIGINT)
    try:
        assert watching.wait(60) == 130, output.read_text()
    finally:
        watching.kill()
        watching.wait()
    said = output.read_text().split("waiting for the next save")
    assert "not answered yet" in said[0]
    assert "passed   Exercise 1" in said[1] and "not yet  Exercise 2" in said[1]
    assert "of your answer" in said[2]


def test_the_notebook_says_it_too(course):
    "In the learner's own kernel: a line for a check that holds, the message for one that does not."
    notebook = nbformat.read(work_file(course, NAME), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    script = "\n".join(
        [
            "from IPython.core.interactiveshell import InteractiveShell",
            "shell = InteractiveShell.instance()",
            *[f"shell.run_cell({cell.source!r}, cell_id={cell.id!r})" for cell in code],
            f"shell.run_cell({code[3].source.replace(BLANK, RIGHT)!r}, cell_id={code[3].id!r})",
            *[f"shell.run_cell({cell.source!r}, cell_id={cell.id!r})" for cell in code[4:6]],
            "shell.run_cell('1 / 0')",
        ]
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("not answered yet") == 4
    assert "passed: missing values are counted" in done.stdout
    assert "passed: an empty column is no error" in done.stdout
    assert "this cell needs what is still to be written: Exercise 1" in done.stdout
    assert done.stdout.count("Traceback") == 1 and "ZeroDivisionError" in done.stdout


def test_a_check_before_its_answer_says_so(course):
    "A stale or restarted kernel: which exercise, and what to run first."
    notebook = nbformat.read(work_file(course, NAME), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    script = "\n".join(
        [
            "from IPython.core.interactiveshell import InteractiveShell",
            "shell = InteractiveShell.instance()",
            f"shell.run_cell({code[1].source!r})",
            f"shell.run_cell({code[4].source!r}, cell_id={code[4].id!r})",
        ]
    )
    work = course / "work"
    done = subprocess.run([sys.executable, "-c", script], cwd=work, capture_output=True, text=True)
    assert done.stdout.startswith("not yet: missing values are counted\n  the answer to exercise 1")
    assert "has not run in this kernel: run the cells above this one first" in done.stdout


def test_two_copies_never_take_the_same_name(tmp_path):
    "Not even where names look alike."
    for name in ("a.ipynb", "a.1.ipynb", "a.1.1.ipynb"):
        (tmp_path / name).write_text(name)
    assert keep_copy(tmp_path / "a.ipynb").name == "a.2.ipynb"
    assert keep_copy(tmp_path / "a.1.ipynb").name == "a.1.2.ipynb"
