"""The command line: exit statuses that tell the truth, and one line for every mistake."""

import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from pathlib import Path

import nbformat
import pytest
from make_artifacts import make_artifact

import mlprod
from mlprod.app.log import open_log, write_lines
from mlprod.app.model import load_artifact
from mlprod.cli import COMMANDS, find_stop, main, make_parser
from mlprod.commands.line import plan_run
from mlprod.consistency import check_contracts, check_library, check_notebooks
from mlprod.generate import generate_app
from mlprod.run import CELL_SECONDS

ROOT = Path(mlprod.__file__).resolve().parent.parent
posix = pytest.mark.skipif(os.name == "nt", reason="signals are a POSIX matter")
pytestmark = pytest.mark.usefixtures("forked_kernels")


def start(*words, cwd, **variables):
    "Start the command line in a process of its own."
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "mlprod.cli", *words],
        cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **variables},
    )  # fmt: skip


def run(*words, cwd):
    "Run the command line to its end: status, what it printed, what it complained about."
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        status = main([*words])
    return status, out.getvalue(), err.getvalue()


SETTINGS = "[DEFAULT]\nversion = 0.0.1\ncontract = data/flights/contract.yaml\n"


@pytest.fixture
def project(tmp_path):
    "A repository in small: settings.ini and nbs/."
    (tmp_path / "settings.ini").write_text(SETTINGS)
    (tmp_path / "nbs").mkdir()
    return tmp_path


def add_lesson(project, name, *sources):
    "Write a lesson into a toy repository."
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"display_name": "python3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, project / "nbs" / name)


def test_help_and_version_answer_at_once():
    "Status 0, without loading what only a command needs."
    code = (
        "import sys; from mlprod.cli import main; status = main(['--version']);"
        "heavy = {'papermill', 'pandas', 'sklearn', 'nbconvert', 'flask'} & set(sys.modules);"
        "sys.exit(status or bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"mlprod {mlprod.__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, tmp_path):
    "`--help` says what the command does and shows it, anywhere."
    status, out, err = run(*command.split(), "--help", cwd=tmp_path)
    assert (status, err) == (0, "")
    assert f"example:\n  mlprod {command}" in out and COMMANDS[command][0].__doc__ in out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_a_command_is_one(command):
    "It is understood as it stands."
    make_parser(command).parse_args(shlex.split(COMMANDS[command][1]))


def test_without_a_command_it_lists_them(tmp_path):
    "As git does."
    for words in ([], ["--help"], ["-h"]):
        status, out, _ = run(*words, cwd=tmp_path)
        assert status == 0 and all(f"  {name} " in out for name in COMMANDS)
    for words in (["lesson"], ["lesson", "--help"]):
        status, out, _ = run(*words, cwd=tmp_path)
        assert status == 0 and "  lesson start " in out and "  serve " not in out


@pytest.mark.parametrize(
    "words, expected",
    [
        (["rnu"], "no command 'rnu'; did you mean 'run'?"),
        (["zzz"], "no command 'zzz'; there are run, lessons, serve"),
        (["lesson", "chek", "04"], "no command 'lesson chek'; did you mean 'lesson check'?"),
        (["lesson", "zzz"], "no command 'lesson zzz'; there are list, start, check"),
        (["serve", "--port", "x"], "invalid int value: 'x'"),
        (["run", "-p", "rows"], "expected 2 arguments"),
        (["run", "--cell-seconds", "0"], "expected a number above 0; got '0'"),
        (["run", "--lesson"], "unrecognized arguments: --lesson"),
    ],
)
def test_what_is_not_understood_ends_with_status_2(tmp_path, words, expected):
    "One line, with the nearest command."
    status, out, err = run(*words, cwd=tmp_path)
    assert (status, out) == (2, "")
    assert expected in err and err.count("\n") == 1 and err.startswith("mlprod")


@pytest.mark.parametrize(
    "words", [["run"], ["lessons"], ["serve"], ["check"], ["readme"]], ids=lambda words: words[0]
)
def test_outside_the_repository_it_says_so(tmp_path, words):
    "Status 1 and one line, which is no traceback."
    status, _, err = run(*words, cwd=tmp_path)
    assert status == 1
    assert re.fullmatch(r"mlprod: .*: not inside the mlprod repository .*\n", err)


def test_debug_shows_the_traceback(tmp_path):
    "Before the command or after it."
    for words in (["--debug", "serve"], ["serve", "--debug"]):
        status, _, err = run(*words, cwd=tmp_path)
        assert status == 1
        assert err.startswith("Traceback") and "mlprod: " in err.splitlines()[-1]


def test_the_default_time_limit_is_the_runners():
    "The command line does not import the runner for its help, so it repeats the number."
    assert make_parser("run").parse_args([]).cell_seconds == CELL_SECONDS
    assert make_parser("lessons").parse_args([]).cell_seconds == CELL_SECONDS


def test_the_default_contract_owns_the_committed_app(tmp_path):
    "Any other project's app lies beside its artifacts, unless told otherwise."
    (tmp_path / "settings.ini").write_text(SETTINGS)
    flights = tmp_path / "data/flights/contract.yaml"
    other = tmp_path / "data/other/contract.yaml"
    artifacts = tmp_path.resolve() / "artifacts"
    root = tmp_path.resolve()
    assert plan_run(root, flights.resolve(), "flights", None) == (
        artifacts / "flights",
        root / "app",
    )
    assert plan_run(root, other.resolve(), "other", None)[1] == artifacts / "other" / "app"
    assert plan_run(root, other.resolve(), "other", str(root / "x"))[1] == root / "x"


def test_lessons_run_from_any_folder_and_go_on_after_a_failure(project):
    "Status 1, a table, the failure in one line, and the executed copies."
    add_lesson(project, "01_good.ipynb", "print('fine')")
    add_lesson(project, "02_bad.ipynb", "{}['late']")
    add_lesson(project, "18_run.ipynb", "raise SystemError('the line is not a lesson')")

    status, out, err = run("lessons", cwd=project / "nbs")

    assert status == 1
    assert "02_bad.ipynb, cell 1 ({}['late']): KeyError: 'late'" in out
    assert "2 notebooks, 1 failed" in out
    assert re.search(r"[12]/2 01_good.ipynb … \d+ s\n", err) and "Traceback" not in err
    copies = {path.name for path in (project / "artifacts" / "lessons").iterdir()}
    assert copies == {"01_good.ipynb", "02_bad.failed.ipynb"}


def test_one_lesson_by_its_number(project):
    "Status 0 when it went well; an unknown number is refused with those there are."
    add_lesson(project, "01_good.ipynb", "print('fine')")
    add_lesson(project, "02_bad.ipynb", "1 / 0")

    assert run("lessons", "1", cwd=project)[0] == 0
    status, _, err = run("lessons", "7", cwd=project)
    assert (status, err) == (1, "mlprod: no lesson 7; there are 01, 02\n")


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_all_kernels_too(project, number, status):
    "The status says which signal it was; one line, and none of the kernels is left behind."
    cores = os.cpu_count() or 1
    for lesson in range(cores + 1):  # one waits for its turn, and never has it
        note = f"import os; open('pid{lesson}', 'w').write(str(os.getpid()))"
        add_lesson(project, f"0{lesson}_endless.ipynb", note, "while True: pass")
    process = start("lessons", cwd=project)
    noted = [project / "nbs" / f"pid{lesson}" for lesson in range(cores)]
    until = time.monotonic() + 60
    while not all(path.exists() and path.read_text() for path in noted):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.3)

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == status
    assert err.endswith("mlprod: stopped\n") and "Traceback" not in err
    for path in noted:
        with pytest.raises(ProcessLookupError):
            for _ in range(100):
                os.kill(int(path.read_text()), 0)
                time.sleep(0.05)
    assert not (project / "nbs" / f"pid{cores}").exists()
    assert not list((project / "artifacts").rglob("*.ipynb"))


def add_line(project, last="summary.write_text(f'AUC 0.65 on {days} days\\n')"):
    "A production line in small, and a project with the penguins' contract."
    add_lesson(
        project,
        "18_run.ipynb",
        "contract = 'x'\ndays = 5\nartifacts = '../artifacts'\napp = '../app'\n"
        "seconds = 180\njobs = 1\ncluster = ''\noverride = ''",
        "from pathlib import Path\n"
        "from mlprod.contract import read_contract\n"
        "project = read_contract(Path(contract)).project\n"
        "summary = Path(artifacts, project, 'summary.txt')\n"
        "summary.parent.mkdir(parents=True, exist_ok=True)\n"
        "print(Path(app).name)",
        last,
    )
    path = project / "nbs" / "18_run.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, path)
    (project / "data" / "penguins").mkdir(parents=True)
    text = (ROOT / "data" / "penguins" / "contract.yaml").read_text(encoding="utf-8")
    (project / "data" / "penguins" / "contract.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "data" / "penguins" / "penguins.parquet", project / "data" / "penguins")


def test_run_ends_with_the_summary_the_report_and_the_next_command(project):
    "Paths are taken from where the user stands; the report is a page."
    add_line(project)

    words = ["run", "--contract", "penguins/contract.yaml", "-p", "days", "7"]
    status, out, err = run(*words, cwd=project / "data")

    folder = project.resolve() / "artifacts" / "penguins"
    assert status == 0, err
    assert out.splitlines()[1:] == [
        "AUC 0.65 on 7 days",
        "",
        f"Report: {folder / 'report.html'}",
        f"App:    {folder / 'app'}",
        f"Next:   make serve ARGS=\"--app {folder / 'app'}\"",
    ]
    assert "AUC" not in (folder / "report.html").read_text(encoding="utf-8")
    assert str(project) not in (folder / "report.ipynb").read_text(encoding="utf-8")


def test_run_names_a_wrong_parameter_and_a_failing_cell(project):
    "One line each, status 1; an old summary is not shown as if it were new."
    add_line(project, last="raise ValueError('AUC 0.5 is below the floor of 0.6')")
    contract = ["--contract", "data/penguins/contract.yaml"]

    status, out, err = run("run", *contract, "-p", "day", "7", cwd=project)
    assert (status, out) == (1, "")
    training, line = err.splitlines()
    assert training.startswith("training: 241 train rows, ")
    assert line == "mlprod: 18_run.ipynb: no parameter 'day'; did you mean 'days'?"

    status, out, err = run("run", *contract, cwd=project)
    assert (status, out) == (1, "")
    assert "ValueError: AUC 0.5 is below the floor of 0.6 (executed copy: artifacts/" in err

    status, _, err = run("run", "--contract", "data/none.yaml", cwd=project)
    assert status == 1 and "none.yaml" in err and err.count("\n") == 1


def test_run_refuses_a_contract_that_names_another_project(project):
    "One line before a kernel starts, and what is in service for the other project stays there."
    add_line(project)
    (project / "data" / "seals").mkdir()
    text = (project / "data" / "penguins" / "contract.yaml").read_text(encoding="utf-8")
    (project / "data" / "seals" / "contract.yaml").write_text(text, encoding="utf-8")

    status, out, err = run("run", "--contract", "data/seals/contract.yaml", cwd=project)

    expected = "expected seals, the name of its folder; got penguins: rename one of the two"
    assert (status, out) == (1, "")
    assert err == f"mlprod: contract data/seals/contract.yaml: project: {expected}\n"
    assert not (project / "artifacts").exists(), "not even a folder"
    assert [problem.endswith(expected) for problem in check_contracts(project)] == [True]


def free_port():
    "A port that nobody uses."
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_answered(port):
    "Whether somebody listens."
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds, seconds=30):
    "Wait for something that takes a moment."
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    assert holds()


def read_scores(log):
    "What a log holds: a score and the columns of the row, for each prediction."
    with closing(sqlite3.connect(log)) as file:
        lines = file.execute("select score, row from predictions order by id").fetchall()
    return [(score, sorted(json.loads(row))) for score, row in lines]


@pytest.fixture(scope="module")
def two_apps(tmp_path_factory):
    "A repository with two projects, and an app of each: one in app/, one beside its artifacts."
    root = tmp_path_factory.mktemp("two")
    (root / "settings.ini").write_text(SETTINGS)
    (root / "nbs").mkdir()
    apps = {"flights": root / "app", "penguins": root / "artifacts" / "penguins" / "app"}
    for name, app in apps.items():
        make_artifact(name, root / "artifacts" / name)
        generate_app(root / "artifacts" / name, app)
    return root, apps


def serve_once(root, app):
    "Serve an app, send it the example of its contract, stop it: the answer, the exit status."
    port = free_port()
    process = start("serve", "--app", str(app), "--port", str(port), cwd=root)
    try:
        assert process.stdout.readline().startswith(f"serving on http://127.0.0.1:{port}")
        wait_until(lambda: is_answered(port))
        (manifest,) = (app / "artifacts").glob("*/manifest.json")
        example = load_artifact(manifest.parent).example
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/predict", json.dumps([example]).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            (prediction,) = json.load(answer)["predictions"]
    finally:
        process.terminate()
        process.communicate(timeout=30)
    return prediction, process.returncode


@posix
def test_each_project_has_its_own_log(two_apps):
    "Serving one deletes nothing of another's, however old it is, nor of a log of earlier days."
    root, apps = two_apps
    logs = {name: root / "artifacts" / name / "log.sqlite" for name in apps}
    years_ago = 1_000_000_000
    line = (f"{years_ago * 10**9:016x}-old", years_ago, "v", "{}", 0.5, "no")
    shared = root / "artifacts" / "log.sqlite"
    for path, owner in ((shared, "penguins"), (logs["penguins"], "penguins")):
        with closing(open_log(path, owner)) as log, log:
            write_lines(log, [line])
    before = shared.read_bytes()

    for _ in range(2):
        prediction, _ = serve_once(root, apps["flights"])
    assert [score for score, _ in read_scores(logs["flights"])] == [prediction["score"]] * 2
    assert read_scores(logs["penguins"]) == [(0.5, [])]

    prediction, _ = serve_once(root, apps["penguins"])
    assert [score for score, row in read_scores(logs["penguins"]) if row] == [prediction["score"]]
    assert len(read_scores(logs["flights"])) == 2
    assert shared.read_bytes() == before


@posix
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_the_app_ends_with_serve(two_apps, number, status):
    "The status says which signal it was, and nobody listens any more, however serve was ended."
    if number == signal.SIGKILL and not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells a process that its parent was killed")
    root, port = two_apps[0], free_port()
    process = start("serve", "--port", str(port), cwd=root)
    assert process.stdout.readline().startswith("serving on")
    wait_until(lambda: is_answered(port))

    process.send_signal(number)
    _, err = process.communicate(timeout=30)

    assert process.returncode == status
    assert err == ("" if number == signal.SIGKILL else "mlprod: stopped\n")
    wait_until(lambda: not is_answered(port))


def test_serve_names_what_is_missing(project):
    "An app that is not generated or serves nothing, a port that is taken or is none, a bad start."
    status, _, err = run("serve", cwd=project)
    assert (status, err) == (1, "mlprod: app/serve.py: not found; `mlprod run` generates the app\n")

    artifacts = project / "app" / "artifacts"
    artifacts.mkdir(parents=True)
    (project / "app" / "serve.py").write_text("import sys; sys.exit(3)")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = run("serve", "--port", str(port), cwd=project)
    assert status == 1 and err.startswith(f"mlprod: port {port}: Address already in use; choose")
    (other,) = set(re.findall(r"--port (\d+)", err))
    assert f'mlprod serve --port {other} (make serve ARGS="--port {other}")' in err

    status, _, err = run("serve", "--port", "70000", cwd=project)
    assert status == 1 and "port 70000: expected one from 1 to 65535; choose" in err

    no_artifact = "mlprod: app/artifacts: expected a version in service; got none: "
    for page in (None, "{}", '{"version": "v1"}', "[]"):
        if page is not None:
            (artifacts / "in_service.json").write_text(page)
        status, _, err = run("serve", "--port", str(free_port()), cwd=project)
        assert status == 1 and err.startswith(no_artifact) and err.count("\n") == 1
        assert not (project / "artifacts").exists()

    (artifacts / "v1").mkdir()
    manifest = artifacts / "v1" / "manifest.json"
    (artifacts / "in_service.json").write_text('{"version": "v1"}')
    manifest.write_text('{"project": "../elsewhere"}')
    assert run("serve", "--port", str(free_port()), cwd=project)[2].startswith(no_artifact)
    manifest.write_text('{"project": "toy"}')
    status, _, err = run("serve", "--port", str(free_port()), cwd=project)
    assert (status, err) == (1, "mlprod: app/serve.py ended with exit status 3; see above\n")


def test_notebooks_that_say_too_much_are_named(project):
    "Sources and outputs are both read; pictures are not."
    add_lesson(project, "01_path.ipynb", "'/ho" + "me/ada/rows.csv'")
    add_lesson(project, "02_key.ipynb", "key = 'ghp_" + "a" * 36 + "'")
    add_lesson(project, "03_shell.ipynb", "rows = 1\n!ls", "%%bash\nls")
    add_lesson(project, "04_own.ipynb", f"where = '{project}'")
    add_lesson(project, "05_fine.ipynb", "path = '../data/home/rows.csv'; share = 1 != 2")

    problems = check_notebooks(project)

    assert [problem.partition(";")[0] for problem in problems] == [
        "nbs/01_path.ipynb cell 1 shows a path of this machine",
        "nbs/02_key.ipynb cell 1 shows a GitHub token",
        "nbs/03_shell.ipynb cell 1 runs a shell command",
        "nbs/03_shell.ipynb cell 2 runs a shell command",
        "nbs/04_own.ipynb cell 1 shows a path of this machine",
    ]


def test_a_library_that_differs_from_its_notebooks_is_named(project):
    "An edited module, one whose notebook is gone, a notebook with execution counts."
    pytest.importorskip("nbdev")
    add_lesson(project, "01_toy.ipynb", "#| default_exp toy", "#| export\nrows = 1")
    (project / "pyproject.toml").write_text('[tool.nbdev]\nlib_path = "mlprod"\n')
    (project / "mlprod").mkdir()
    (project / "mlprod" / "__init__.py").write_text('__version__ = "0.0.1"\n')
    export = "from nbdev.clean import nbdev_clean; nbdev_clean()\n"
    export += "from nbdev.doclinks import nbdev_export; nbdev_export()"
    subprocess.run([sys.executable, "-c", export], cwd=project, check=True, capture_output=True)
    assert check_library(project) == []

    module = project / "mlprod" / "toy.py"
    module.write_text(module.read_text().replace("rows = 1", "rows = 2"))
    (project / "mlprod" / "gone.py").write_text("# AUTOGENERATED! DO NOT EDIT!\n")
    lesson = project / "nbs" / "01_toy.ipynb"
    lesson.write_text(lesson.read_text().replace('"execution_count": null', '"execution_count": 7'))
    assert check_library(project) == [
        "mlprod/gone.py is not what the notebooks export; `nbdev-export`",
        "mlprod/toy.py is not what the notebooks export; `nbdev-export`",
        "nbs/01_toy.ipynb is not clean; `nbdev-clean`",
    ]


def test_a_stop_is_one_also_where_closing_down_fails():
    "Whatever is raised after Ctrl-C, the exit status is that of Ctrl-C."
    with pytest.raises(RuntimeError) as caught:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("the loop is closed")
    assert isinstance(find_stop(caught.value), KeyboardInterrupt)
    assert find_stop(RuntimeError("of its own")) is None
