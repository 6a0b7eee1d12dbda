"""Running notebooks: green means from the first cell to the last, and everything else is red."""

import ast
import base64
import io
import os
import re
import sys
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_core.utils import run_sync

from mlprod.run import (
    CELL_SECONDS,
    START_SECONDS,
    FreshKernel,
    NotebookError,
    NotebookFailed,
    ParameterError,
    export_html,
    find_parameters,
    render_readme,
    run_notebook,
    run_notebooks,
    summarize_runs,
)

posix = pytest.mark.skipif(os.name == "nt", reason="process groups are a POSIX matter")
pytestmark = pytest.mark.usefixtures("forked_kernels")
fresh = pytest.mark.usefixtures("fresh_kernels")


@pytest.fixture
def write(tmp_path):
    "Write a notebook: strings that start with '# ' or '## ' are Markdown, the others are code."

    def write_notebook(*cells, name="toy.ipynb", parameters=None):
        made = [] if parameters is None else [nbformat.v4.new_code_cell(parameters)]
        for cell in made:
            cell.metadata["tags"] = ["parameters"]
        for source in cells:
            text = source.startswith(("# ", "## "))
            make = nbformat.v4.new_markdown_cell if text else nbformat.v4.new_code_cell
            made.append(make(source))
        path = tmp_path / "nbs" / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=made), path)
        return path

    return write_notebook


def is_running(pid: int) -> bool:
    "Whether a process runs; a zombie does not."
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def is_gone(pid: int, seconds: float = 5) -> bool:
    "Whether a process is gone, or goes within some seconds."
    until = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_running(pid)


IGNORE = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
FAILURES = {
    "an exception": ("{}['late']", "KeyError: 'late'"),
    "an exception of several lines": ("raise ValueError('a\\nb')", "ValueError: a b"),
    "the kernel kills itself": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "the kernel was killed by SIGKILL",
    ),
    "os._exit(0)": ("import os; os._exit(0)", "the kernel left with exit status 0"),
    "sys.exit(0)": ("import sys; sys.exit(0)", "SystemExit"),
    "an endless cell": ("while True: pass", "no end after 2 s.*--cell-seconds"),
    "an endless cell that ignores interrupts": (IGNORE + "while True: pass", "no end after 2 s"),
    "an endless cell that prints": ("while True: print('x' * 500)", "no end after 2 s"),
    "an endless cell that holds the interpreter": (
        "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
        "no end after 2 s",
    ),
}


@fresh
@pytest.mark.parametrize("source, expected", FAILURES.values(), ids=FAILURES)
def test_a_broken_cell_is_noticed_and_named(write, tmp_path, source, expected):
    "Notebook, cell, heading and error stand in one line; the executed copy is kept."
    if "SIGKILL" in source and os.name == "nt":
        pytest.skip("no SIGKILL there")
    path = write("# Toy", "print('one')", "## Break it", source, "print('never')")

    with pytest.raises(NotebookFailed) as caught:
        run_notebook(path, tmp_path / "out.ipynb", cell_seconds=2)

    message = str(caught.value)
    assert re.match(rf"toy\.ipynb, cell [45] \(Break it\): .*(?:{expected})", message), message
    assert "\n" not in message
    assert caught.value.copy == tmp_path / "out.failed.ipynb"
    cells = nbformat.read(caught.value.copy, as_version=4).cells
    assert cells[1].outputs[0].text == "one\n"
    assert not any(
        "never" in out.get("text", "") for cell in cells for out in cell.get("outputs", [])
    )
    assert not (tmp_path / "out.ipynb").exists()


def test_an_endless_cell_is_noticed_within_a_minute_by_default():
    "The limits, of a cell and of a kernel that starts, leave time to end the kernel."
    assert CELL_SECONDS <= 55
    assert START_SECONDS <= 55


def test_the_traceback_stays_in_the_executed_copy(write, tmp_path):
    "The message has one line; whoever mends it finds the rest in the copy."
    with pytest.raises(NotebookFailed) as caught:
        run_notebook(write("def late():\n    return 1 / 0", "late()"), tmp_path / "out.ipynb")

    assert "Traceback" not in str(caught.value)
    assert str(caught.value).startswith("toy.ipynb, cell 2 (late()): ZeroDivisionError")
    output = nbformat.read(caught.value.copy, as_version=4).cells[1].outputs[0]
    assert "return" in "\n".join(output.traceback)


def test_a_failed_run_leaves_the_last_good_copy_alone(write, tmp_path):
    "A copy under the plain name is that of a run that ended well; success clears the failed one."
    to = tmp_path / "out.ipynb"
    run_notebook(write("1"), to)
    good = to.read_bytes()

    with pytest.raises(NotebookFailed):
        run_notebook(write("1 / 0"), to)
    assert to.read_bytes() == good
    assert (tmp_path / "out.failed.ipynb").exists()

    run_notebook(write("1"), to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nbs", "out.ipynb"]


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"row": 1}, r"no parameter 'row'; did you mean 'rows'\?"),
        ({"qqq": 1}, "no parameter 'qqq'; it has rows, share, name, fast"),
        ({"rows": "many"}, "parameter rows: expected a whole number; got 'many'"),
        ({"rows": 1.5}, "parameter rows: expected a whole number; got 1.5"),
        ({"rows": True}, "parameter rows: expected a whole number"),
        ({"share": "x"}, "parameter share: expected a number"),
        ({"fast": "yes"}, "parameter fast: expected true or false; got 'yes'"),
        ({"name": 3}, "parameter name: expected text; got 3"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(write, tmp_path, given, expected):
    "The message names the nearest parameter, or what was expected and what arrived."
    path = write("print(rows)", parameters="rows = 3\nshare = 0.5\nname = 'a'\nfast = False")

    with pytest.raises(ParameterError, match=expected):
        run_notebook(path, tmp_path / "out.ipynb", given)

    assert [p.name for p in tmp_path.iterdir()] == ["nbs"]


def test_parameters_need_a_parameters_cell(write, tmp_path):
    "papermill would put the value on top and run; we refuse."
    with pytest.raises(ParameterError, match="no cell tagged 'parameters'; got 'rows'"):
        run_notebook(write("rows = 3"), tmp_path / "out.ipynb", {"rows": 4})


def test_parameters_are_the_assignments_of_the_tagged_cell(write):
    "Annotations and computed defaults are parameters as well."
    path = write(
        parameters="rows: int | None = None\nfrom pathlib import Path\nto = Path('x')\nn = -1"
    )

    assert find_parameters(nbformat.read(path, as_version=4)) == {"rows": None, "to": None, "n": -1}


def test_parameters_arrive_with_their_kind(write, tmp_path):
    "Text from a command line becomes what the default is; quotes and braces are only text."
    path = write(
        "print([rows, share, name, fast, limit])",
        parameters="rows = 3\nshare = 0.5\nname = 'a'\nfast = False\nlimit = None",
    )
    nasty = """'); import os # {x} "\\"""
    given = {"rows": "7", "share": "1", "name": nasty, "fast": "true", "limit": "null"}

    run = run_notebook(path, tmp_path / "{run} out.ipynb", given)

    text = nbformat.read(run.copy, as_version=4).cells[2].outputs[0].text
    assert ast.literal_eval(text) == [7, 1.0, nasty, True, None]


@pytest.mark.parametrize(
    "content, expected",
    [
        (None, "not found"),
        ("", "expected a notebook"),
        ("rows: 3", "expected a notebook"),
        ("[]", "expected a notebook"),
        ('{"cells": [], "nbformat": 3, "metadata": {}}', "expected a notebook of format 4; got 3"),
        (
            '{"cells": [{}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
            "expected a notebook",
        ),
        (b"\xff\xfe\x00", "expected a notebook"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path, content, expected):
    "A missing file, another format, half a file: one line each."
    path = tmp_path / "toy.ipynb"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(NotebookError, match=expected) as caught:
        run_notebook(path, tmp_path / "out.ipynb")

    assert "\n" not in str(caught.value)


def test_the_working_folder_is_the_notebooks_own(write, tmp_path, monkeypatch):
    "Where the command was called from makes no difference."
    monkeypatch.chdir(tmp_path)
    write("from pathlib import Path; Path('here.txt').write_text('x')")

    run_notebook(Path("nbs/toy.ipynb"), Path("out.ipynb"))

    assert (tmp_path / "nbs" / "here.txt").exists()
    assert (tmp_path / "out.ipynb").exists()


@fresh
def test_two_runs_write_the_same_copy(write, tmp_path):
    "From two fresh kernels, with parameters: the same bytes."
    path = write(
        "## Count", "rows * 2", "import warnings; warnings.warn('odd')", parameters="rows = 3"
    )

    first = run_notebook(path, tmp_path / "one" / "out.ipynb", {"rows": 4}).copy
    second = run_notebook(path, tmp_path / "two" / "out.ipynb", {"rows": 4}).copy

    assert first.read_bytes() == second.read_bytes()
    assert "8" in first.read_text()


def test_the_copy_says_nothing_about_the_machine(write, tmp_path, monkeypatch):
    "Paths become relative, a printed secret becomes its name, clock times are gone."
    monkeypatch.setenv("SERVICE_TOKEN", "correct-horse-battery")
    path = write(
        "import os, sys; token = '-'.join(['correct', 'horse', 'battery'])\n"
        "print(token, os.getcwd(), sys.prefix, contract)",
        "1 / 0",
        parameters="contract = 'x'",
    )

    with pytest.raises(NotebookFailed) as caught:
        run_notebook(path, tmp_path / "out.ipynb", {"contract": str(tmp_path / "contract.yaml")})

    text = caught.value.copy.read_text()
    assert "[SERVICE_TOKEN] . [python] ../contract.yaml" in text
    for private in ("correct-horse", str(tmp_path), sys.prefix, "start_time", "T0", "ipykernel_"):
        assert private not in text


@fresh
@posix
@pytest.mark.parametrize("end", ["print('fine')", "import os; os._exit(0)", "while True: pass"])
def test_no_process_stays_behind(write, tmp_path, end):
    "What a cell has started ends with its kernel, however that ends."
    start = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {child.pid}')"
    )
    path = write(start, end)
    try:
        run_notebook(path, tmp_path / "out.ipynb", cell_seconds=3)
    except NotebookFailed:
        assert "fine" not in end

    pids = (path.parent / "pids").read_text().split()
    assert all(is_gone(int(pid)) for pid in pids)


def test_progress_is_one_line_for_each_step(write, tmp_path):
    "In a file or a pipe: heading, count, seconds; nothing is rewritten."
    show = io.StringIO()

    run_notebook(
        write("# T", "1", "## Load", "2", "## Train", "3"), tmp_path / "o.ipynb", show=show
    )

    lines = show.getvalue().splitlines()
    assert [re.sub(r"\d+ s$", "N s", line) for line in lines] == [
        "  1/2 Load … N s",
        "  2/2 Train … N s",
    ]


def test_progress_is_rewritten_on_a_terminal(write, tmp_path):
    "The running step's line is there while it runs, and once more when it has failed."
    show = io.StringIO()
    show.isatty = lambda: True

    with pytest.raises(NotebookFailed):
        path = write("## Load", "import time; time.sleep(2.5); 1 / 0")
        run_notebook(path, tmp_path / "o.ipynb", show=show)

    assert re.search(r"1/1 Load … 1 s *\r", show.getvalue())
    assert show.getvalue().endswith("failed\n")


def test_many_notebooks_go_on_after_a_failure(write, tmp_path):
    "The summary counts, and repeats each error."
    bad = write("1 / 0", name="01_bad.ipynb")
    missing = tmp_path / "nbs" / "02_missing.ipynb"
    good = write("1", name="03_good.ipynb")

    runs = run_notebooks([bad, missing, good], tmp_path / "out")

    assert [bool(run.error) for run in runs] == [True, True, False]
    summary = summarize_runs(runs)
    assert "3 notebooks, 2 failed" in summary
    assert "01_bad.ipynb, cell 1 (1 / 0): ZeroDivisionError" in summary
    assert (tmp_path / "out" / "03_good.ipynb").exists()


def test_a_page_brings_no_scripts_and_asks_nobody(tmp_path):
    "Scripts, styles, frames, handlers and remote pictures are dropped; tables and pictures stay."
    pixel = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    html = (
        "<style>p {}</style><script>alert(1)</script><table><thead><tr>"
        "<th>carrier</th></tr></thead></table>"
        "<img src='https://evil.example/x.png' onerror='alert(2)'>"
        "<a href='javascript:alert(3)' onclick='alert(4)'>x</a>"
        "<iframe src='//evil.example'></iframe>"
    )
    outputs = [
        nbformat.v4.new_output("display_data", data={"text/html": html}),
        nbformat.v4.new_output("display_data", data={"image/png": pixel}),
        nbformat.v4.new_output("display_data", data={"application/javascript": "alert(5)"}),
        nbformat.v4.new_output("stream", text="<script>alert(6)</script>"),
    ]
    cells = [
        nbformat.v4.new_markdown_cell("# Late & early\n\nText. <script>alert(7)</script>"),
        nbformat.v4.new_markdown_cell("## Plots\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        nbformat.v4.new_code_cell("secret_source = 1", outputs=outputs),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "done.ipynb")

    export_html(tmp_path / "done.ipynb", tmp_path / "page.html", "Flights <2013>")

    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>Flights &lt;2013&gt;</title>" in page
    assert "<h1>Late &amp; early</h1>" in page.replace(' id="Late-&amp;-early"', "")
    assert "<th>carrier</th>" in page and "<td>2</td>" in page
    assert re.search(r'<img [^>]*alt="Plots"', page)
    assert "secret_source" not in page
    assert not re.search(r"<script|<iframe|<link|javascript:|onerror|onclick|@import|url\(", page)
    assert not re.search(r"https?://|src=\"//", page)


def test_the_readme_starts_its_links_one_folder_higher(tmp_path):
    "Hidden cells and directives are dropped; addresses and anchors stay as they are."
    cells = [
        nbformat.v4.new_code_cell("#| hide\nsecret = 1"),
        nbformat.v4.new_markdown_cell(
            "# Toy\n\n[one](01_one.ipynb) [two](../LICENSE) [three](https://example.com) "
            "[four](#toy)\n\n"
            '<img src="images/app.png" alt="the app">'
        ),
        nbformat.v4.new_code_cell(
            "#| eval: false\n1 + 1",
            outputs=[nbformat.v4.new_output("execute_result", data={"text/plain": "2"})],
        ),
    ]
    (tmp_path / "nbs").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "nbs" / "index.ipynb")

    text = render_readme(tmp_path / "nbs" / "index.ipynb")

    assert (
        "[one](nbs/01_one.ipynb) [two](LICENSE) [three](https://example.com) [four](#toy)" in text
    )
    assert 'src="nbs/images/app.png"' in text
    assert "secret" not in text and "#|" not in text
    assert "1 + 1" in text and "    2\n" in text


@fresh
def test_a_kernel_can_be_closed_twice():
    "It does not start, and is closed by whoever noticed; then by whoever asked for it."
    kernel = FreshKernel(kernel_name="python3")
    run_sync(kernel.start_kernel)()
    run_sync(kernel.close)(now=True)
    run_sync(kernel.close)(now=True)
    assert kernel.provisioner is None or not kernel.provisioner.has_process
