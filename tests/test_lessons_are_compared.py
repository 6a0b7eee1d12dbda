"""The strict comparison of lessons is worth its name: it goes red where it should."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    "What nbval says of a notebook without execution counts, with an output changed and one lost."
    folder = tmp_path_factory.mktemp("course") / "nbs"
    for name in ("nbs/conftest.py", "tests/kernels.py"):
        copy = folder.parent / name
        copy.parent.mkdir()
        shutil.copy(ROOT / name, copy)
    shown = [new_output("stream", text="1\n")]
    cells = [
        new_code_cell("print(1)", outputs=shown),
        new_code_cell("print(2)", outputs=shown),
        new_code_cell("print(3)"),
        new_code_cell("import os\nos._exit(0)"),
        new_code_cell("print(4)"),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "lesson.ipynb")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rA", "-n", "1"]
        + ["--nbval-cell-timeout", "3", "--rootdir", folder, "-p", "no:cacheprovider", folder],
        capture_output=True,
        text=True,
        timeout=100,
    )
    found = re.findall(r"^([A-Z]+) \S*lesson\.ipynb::Cell (\d)", result.stdout, re.MULTILINE)

    assert len(found) == len(cells), result.stdout + result.stderr
    return {int(number): word for word, number in found}


def test_an_output_that_is_as_written_passes(outcome):
    "Execution counts are not needed."
    assert outcome[0] == "PASSED"


def test_an_output_that_changed_fails(outcome):
    "The cell prints 2 where the lesson shows 1."
    assert outcome[1] == "FAILED"


def test_an_output_where_the_lesson_shows_none_fails(outcome):
    "A new warning or a forgotten print is noticed."
    assert outcome[2] == "FAILED"


def test_a_kernel_that_dies_fails_within_the_time_limit(outcome):
    "Neither its cell nor the ones after it pass."
    assert outcome[3] == "FAILED"
    assert outcome[4] != "PASSED"
