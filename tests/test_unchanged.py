"""What is unchanged is not run again; whatever could change a result is noticed."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from mlprod.cli import make_parser
from mlprod.commands.line import alone_in, list_results, run_lessons, run_line
from mlprod.commands.shared import CommandError
from mlprod.unchanged import Inputs, Passed, hash_places, runs_all

ROOT = Path(__file__).resolve().parent.parent
posix = pytest.mark.skipif(os.name == "nt", reason="signals are a POSIX matter")

NOTE = "with open('../artifacts/ran', 'a') as file: file.write('{}\\n')"

pytestmark = pytest.mark.usefixtures("forked_kernels")

def write_notebook(path, *sources, outputs=()):
    "Write a notebook of code cells; outputs are those of the first one."
    cells = [nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
    cells[0].outputs = list(outputs)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.fixture
def project(tmp_path, monkeypatch):
    "A repository in small, outside CI; each run of a lesson adds a line to the file `ran`."
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.ini").write_text("[DEFAULT]\ncontract = data/penguins/contract.yaml\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("a\n1\n")
    for number in "12":
        write_notebook(tmp_path / "nbs" / f"0{number}_toy.ipynb", NOTE.format(number))
    (tmp_path / "artifacts").mkdir()
    return tmp_path


def run(name, *words):
    "Run a command here, and give its exit status and the lessons that ran."
    ran = Path("artifacts/ran")
    ran.unlink(missing_ok=True)
    status = {"lessons": run_lessons, "run": run_line}[name](make_parser(name).parse_args(words))
    return status, sorted(ran.read_text().split()) if ran.exists() else []


@pytest.fixture
def library(tmp_path):
    "A notebook that imports a module, which imports one in a function, which imports a third."
    write_notebook(tmp_path / "nbs" / "01_a.ipynb", "from mlprod.one import work\nwork()")
    write_notebook(tmp_path / "nbs" / "02_b.ipynb", "1 + 1")
    modules = {
        "__init__": "",
        "one": "def work():\n    from mlprod.two import more\n    return more()\n",
        "two": "def more():\n    from . import app\n    return app.three.last()\n",
        "app/__init__": "from .three import last\n",
        "app/three": "def last():\n    return 1\n",
        "other": "",
    }
    for name, text in modules.items():
        path = tmp_path / "mlprod" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("a\n1\n")
    return tmp_path


def hash_both(root, *options):
    "Compute what the two notebooks of the library depend on."
    inputs = Inputs(root)
    return [inputs.hash(root / "nbs" / name, *options) for name in ("01_a.ipynb", "02_b.ipynb")]


@pytest.mark.parametrize("module", ["one", "two", "app/__init__", "app/three"])
def test_a_changed_function_is_noticed_however_far_away(library, module):
    "Also behind an import in a function, and a relative one; others are not touched."
    before = hash_both(library)
    path = library / "mlprod" / f"{module}.py"
    path.write_text(path.read_text() + "CHANGED = 1\n")
    after = hash_both(library)

    assert after[0] != before[0] and after[1] == before[1]


def test_what_nobody_imports_changes_nothing(library):
    "Neither a module of the library nor what Python leaves there."
    before = hash_both(library)
    (library / "mlprod" / "other.py").write_text("CHANGED = 1\n")
    (library / "data" / "__pycache__").mkdir()
    (library / "data" / "__pycache__" / "x.pyc").write_text("")

    assert hash_both(library) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "data" / "rows.csv").write_text("a\n2\n"),
        lambda root: (root / "data" / "rows.csv").rename(root / "data" / "lines.csv"),
        lambda root: (root / "requirements.lock").write_text("numpy==1"),
        lambda root: (root / "nbs" / "conftest.py").write_text(""),
        lambda root: os.environ.__setitem__("TZ", "Asia/Tokyo"),
        lambda root: os.environ.__setitem__("OMP_NUM_THREADS", "7"),
    ],
    ids=["rows", "name", "lock", "conftest", "time zone", "threads"],
)
def test_what_all_notebooks_share_is_noticed(library, monkeypatch, change):
    "A changed byte, a name, a setting: every notebook runs again."
    for name in ("TZ", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    before = hash_both(library)
    change(library)
    after = hash_both(library)

    assert after[0] != before[0] and after[1] != before[1]


def test_a_changed_notebook_or_option_is_noticed(library):
    "Its code, its stored outputs, their order, what it was told."
    before, path = hash_both(library), library / "nbs" / "02_b.ipynb"
    assert hash_both(library, "rows=2")[1] != before[1]
    seen = {before[1]}
    shown = nbformat.v4.new_output("stream", text="2\n")
    for sources, outputs in [(["1 + 2"], []), (["1 + 1"], [shown]), (["1", "2"], []),
                             (["2", "1"], [])]:  # fmt: skip
        write_notebook(path, *sources, outputs=outputs)
        seen.add(hash_both(library)[1])
    assert len(seen) == 5


@pytest.mark.parametrize(
    "source",
    ["import subprocess", "open('../tests/x.txt')", "open('../../README.md')", "%time 1",
     "import importlib\nimportlib.import_module(name)", "%load_ext x\nimport os"],
)  # fmt: skip
def test_a_notebook_that_reads_the_repository_depends_on_all_of_it(library, source):
    "No list of imports says what it reads."
    write_notebook(library / "nbs" / "02_b.ipynb", source)
    before = hash_both(library)
    (library / "tests").mkdir()
    (library / "tests" / "x.txt").write_text("x")
    after = hash_both(library)

    assert after[0] == before[0] and after[1] != before[1]


def test_lessons_run_when_something_has_changed_and_only_then(project, capsys):
    "A second run says what it left out; a change, a lost copy, a broken record, --force, CI: run."
    assert run("lessons") == (0, ["1", "2"])
    assert run("lessons") == (0, [])
    assert "not run: all 2 notebooks; --force" in capsys.readouterr().err

    (project / "data" / "rows.csv").write_text("a\n2\n")
    assert run("lessons") == (0, ["1", "2"])

    (project / "artifacts" / "lessons" / "01_toy.ipynb").write_text("somebody's own")
    capsys.readouterr()
    assert run("lessons") == (0, ["1"])
    assert "1 of 2: 02_toy" in capsys.readouterr().err

    record = project / "artifacts" / "passed.json"
    for broken in (record.read_bytes()[:-9], b"[]", b'{"lesson 01_toy.ipynb": 1}'):
        record.write_bytes(broken)
        assert "1" in run("lessons", "1")[1]

    assert run("lessons", "1", "--force") == (0, ["1"])


def test_ci_runs_everything(monkeypatch):
    "Whatever was recorded; CI says so in one of several ways, or that it is none."
    for value, runs in {"true": True, "1": True, "": False, "false": False}.items():
        monkeypatch.setenv("CI", value)
        assert runs_all(force=False) == runs and runs_all(force=True)


def test_what_failed_is_not_recorded(project):
    "It runs again, and again; what passed beside it does not."
    write_notebook(project / "nbs" / "02_toy.ipynb", NOTE.format(2), "0 / 0")
    assert run("lessons") == (1, ["1", "2"])
    assert run("lessons") == (1, ["2"])
    record = json.loads((project / "artifacts" / "passed.json").read_text())
    assert list(record) == ["lesson 01_toy.ipynb"]


@posix
def test_a_killed_run_has_recorded_what_passed_before_and_no_more(project):
    "After SIGKILL the lesson that ran is run again, the one that had ended is not."
    wait = (
        "import os, time\nfrom pathlib import Path\nPath('pid').write_text(str(os.getpid()))\n"
        "while not Path('go').exists(): time.sleep(0.01)"
    )
    write_notebook(project / "nbs" / "02_toy.ipynb", wait, NOTE.format(2))
    process = subprocess.Popen(
        [sys.executable, "-m", "mlprod.cli", "lessons"], env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    pid, record = project / "nbs" / "pid", project / "artifacts" / "passed.json"
    until = time.monotonic() + 60
    while not (pid.exists() and pid.read_text() and record.exists()) and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.wait()
    os.kill(int(pid.read_text()), signal.SIGKILL)
    (project / "nbs" / "go").touch()

    assert run("lessons") == (0, ["2"])


LINE = """
import json
from pathlib import Path
folder, service = Path(artifacts, "penguins"), '{"version": "v1"}'
for place in (folder, Path(app, "artifacts")):
    (place / "v1").mkdir(parents=True, exist_ok=True)
    (place / "v1" / "model.onnx").write_text("a model")
    (place / "in_service.json").write_text(service)
Path(app, "app.py").write_text("app = 1")
Path(app, "generated.json").write_text('{"app.py": "hash"}')
(folder / "summary.txt").write_text("Penguins\\n")
""" + NOTE.format("line")


@pytest.fixture
def line(project):
    "A production line in small, which leaves what the real one leaves."
    shutil.copytree(ROOT / "data" / "penguins", project / "data" / "penguins")
    texts = [f"{name} = ''" for name in ("contract", "artifacts", "app", "override", "cluster")]
    parameters = "\n".join([*texts, "seconds = 1", "jobs = 1", "seed = 0"])
    write_notebook(project / "nbs" / "18_run.ipynb", parameters, LINE)
    path = project / "nbs" / "18_run.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, path)
    return project


def test_the_line_runs_when_an_input_or_a_result_has_changed(line, capsys):
    "Not a second time; a changed option, contract or result: again."
    assert run("run") == (0, ["line"])
    first = capsys.readouterr().out
    assert run("run") == (0, [])
    again = capsys.readouterr()
    assert again.out == first and "nothing was run; --force" in again.err

    assert run("run", "-p", "seed", "1") == (0, ["line"])
    assert run("run", "-p", "seed", "1") == (0, [])
    contract = line / "data" / "penguins" / "contract.yaml"
    contract.write_text(contract.read_text() + "# signed\n")
    assert run("run", "-p", "seed", "1") == (0, ["line"])


@pytest.mark.parametrize(
    "lost",
    ["summary.txt", "report.html", "in_service.json", "v1/model.onnx", "app/app.py",
     "app/artifacts/in_service.json", "app/artifacts/v1/model.onnx", "app/generated.json"],
)  # fmt: skip
def test_the_line_runs_where_something_of_its_results_is_missing(line, monkeypatch, lost):
    "What a run leaves is part of what is recorded, file by file."
    folder = line / "artifacts" / "penguins"
    monkeypatch.chdir(line / "nbs")
    exec(LINE, {"artifacts": line / "artifacts", "app": folder / "app"})
    (folder / "report.html").write_text("page")
    before = hash_places(line, list_results(folder, folder / "app"))
    assert before == hash_places(line, list_results(folder, folder / "app"))

    (folder / lost).unlink()

    assert before != hash_places(line, list_results(folder, folder / "app"))


def test_a_second_run_of_a_project_is_refused_while_one_is_under_way(line):
    "Else one would print the other's result, and a mixture would be recorded."
    expected = pytest.raises(CommandError, match="got another `mlprod run` that is under way")
    with alone_in(line / "artifacts" / "penguins"), expected:
        run("run")
    assert run("run") == (0, ["line"])


@posix
def test_what_stands_behind_a_link_is_noticed(library):
    "Data may lie elsewhere, in a folder that is linked; a link that leads back ends nothing."
    (library / "elsewhere").mkdir()
    (library / "elsewhere" / "rows.csv").write_text("a")
    (library / "data").mkdir(exist_ok=True)
    (library / "data" / "linked").symlink_to(library / "elsewhere")
    (library / "data" / "back").symlink_to(library / "data")
    before = hash_places(library, ["data"])
    (library / "elsewhere" / "rows.csv").write_text("b")
    assert hash_places(library, ["data"]) != before


def test_a_line_that_failed_is_not_taken_for_one_that_passed(line):
    "Passed, failed with another option, and back: it runs, for the results are gone."
    assert run("run") == (0, ["line"])
    with pytest.raises(ValueError, match="no parameter 'sed'"):
        run("run", "-p", "sed", "1")
    assert run("run") == (0, ["line"])


def test_make_test_leaves_out_the_lessons_that_passed(project):
    "One passes and one fails: the failing one is compared again; when none is left, nothing runs."
    for name in ("tests/suite.py", "tests/kernels.py", "nbs/conftest.py", "pyproject.toml"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    shown = nbformat.v4.new_output("stream", text="1\n")
    write_notebook(project / "nbs" / "01_toy.ipynb", "print(1)", outputs=[shown])
    write_notebook(project / "nbs" / "02_toy.ipynb", "print(2)", outputs=[shown])

    def compare():
        command = [sys.executable, "tests/suite.py", "test", "lessons"]
        variables = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=150)
        return done.returncode, done.stdout + done.stderr

    status, said = compare()
    assert status == 1 and "1 failed, 1 passed" in said, said
    spec = importlib.util.spec_from_file_location("suite", project / "tests" / "suite.py")
    suite = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(suite)
    lessons = sorted((project / "nbs").glob("*.ipynb"))
    chosen = suite.choose_lessons(lessons, force=False)
    assert [path.name for path in chosen] == ["02_toy.ipynb"]
    assert [*suite.choose_lessons(lessons, force=True)] == lessons

    record = Passed(project / "artifacts" / "passed.json")
    record.record("compared 02_toy.ipynb", chosen[lessons[1]])
    status, said = compare()
    assert status == 0 and "not run: all 2 notebooks" in said and "passed in" not in said, said
    (project / "pyproject.toml").write_text("")
    assert [*suite.choose_lessons(lessons, force=False)] == lessons


@pytest.mark.parametrize(
    ("cases", "passed"),
    [
        ({"nbs.01.ipynb": ["", ""]}, True),
        ({"nbs.01.ipynb": ["", "<failure/>"]}, False),
        ({"nbs.01.ipynb": ["<error/>", ""]}, False),
        ({"nbs.01.ipynb": ["", "<skipped/>"]}, False),
        ({"nbs.02.ipynb": [""], "tests.test_01": [""]}, False),
    ],
)
def test_a_lesson_has_passed_when_each_of_its_cells_has(tmp_path, cases, passed):
    "One that is not in pytest's report has not."
    import suite

    lines = [f'<testcase classname="{name}" name="Cell">{inner}</testcase>'
             for name, inners in cases.items() for inner in inners]  # fmt: skip
    (tmp_path / "junit.xml").write_text(f"<testsuite>{''.join(lines)}</testsuite>")
    lesson = suite.ROOT / "nbs" / "01.ipynb"

    assert suite.read_passed(tmp_path / "junit.xml", [lesson]) == [lesson] * passed


def test_two_processes_record_side_by_side(tmp_path):
    "Neither takes away what the other has recorded."
    one, other = (Passed(tmp_path / "passed.json") for _ in range(2))
    one.record("a", "1")
    other.record("b", "2", "3")
    one.forget("x")

    last = Passed(tmp_path / "passed.json")
    assert last.holds("a", "1") and last.holds("b", "2", "3") and not last.holds("b", "2")
