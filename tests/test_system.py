"""Whatever machine it is: files appear whole, and a child process sees what was chosen for it."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlprod.course.classroom import new_lesson
from mlprod.course.lessons import start_lesson, work_file
from mlprod.system import child_environment
from mlprod.write import write_aside

ROOT = Path(__file__).resolve().parent.parent
BLANK = 'raise NotImplementedError("Exercise 1: yours to write")'
RIGHT = "import matplotlib, numpy\n    matplotlib.use('agg')\n    return %s"
KERNEL = '{"argv": ["/bin/false"], "display_name": "Python 3", "language": "python"}'


@pytest.fixture
def hostile(tmp_path):
    "An environment in which each variable would change what a kernel does."
    folder = tmp_path / "hostile"
    for name, text in {
        "path/numpy.py": "raise ImportError('another numpy')",
        "path/sitecustomize.py": "",
        "ipython/profile_default/startup/00.py": "raise SystemExit('a startup file')",
        "ipython/profile_default/ipython_kernel_config.py": "c.InteractiveShell.cache_size = 'x'",
        "plots/matplotlibrc": "backend: nonsense\n",
        "jupyter/kernels/python3/kernel.json": KERNEL,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return {
        "PYTHONOPTIMIZE": "1",
        "PYTHONPATH": f"{folder / 'path'}",
        "PYTHONSTARTUP": f"{folder / 'path' / 'numpy.py'}",
        "IPYTHONDIR": f"{folder / 'ipython'}",
        "MPLCONFIGDIR": f"{folder / 'plots'}",
        "MPLBACKEND": "nonsense",
        "JUPYTER_PATH": f"{folder / 'jupyter'}",
        "JUPYTER_RUNTIME_DIR": "/proc/nowhere",
        "HOME": "/nonexistent",
        "http_proxy": "http://127.0.0.1:9",
        "PATH": os.environ["PATH"],
    }


def check(root, environment):
    "Run `mlprod lesson check 11` as a program; its status, and what it printed."
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from mlprod.cli import main; sys.exit(main())"]
        + ["lesson", "check", "11"],
        cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=100, umask=0o077,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("share", "status"),
    [("sum(v is None for v in values) / (len(values) or 1)", 0), ("0.5", 1)],
    ids=["right", "wrong"],
)
def test_a_verdict_does_not_depend_on_the_machine(tmp_path, hostile, share, status):
    "Nor on the Python that leaves out assertions; NumPy and matplotlib are our own."
    (tmp_path / "nbs").mkdir()
    (tmp_path / "settings.ini").touch()
    new_lesson(tmp_path, "11_holes", "Holes")
    start_lesson(tmp_path, "11_holes")
    path = work_file(tmp_path, "11_holes")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(BLANK, RIGHT % share)
        cell.source = cell.source.replace("most_missing = ...", "most_missing = 0.6")
    nbformat.write(notebook, path)

    found, text = check(tmp_path, hostile)

    assert found == status, text
    assert ("passed   Exercise 1" in text) == (status == 0), text
    assert "passed   Exercise 2" in text, text


def test_a_child_sees_a_short_list(monkeypatch):
    "Loopback goes past every proxy, PATH begins with this environment's programs."
    monkeypatch.setenv("SERVICE_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("WORKERS", "3")
    seen = child_environment("WORKERS", PORT="1")
    assert not {"SERVICE_TOKEN", "HTTPS_PROXY"} & set(seen)
    assert seen["WORKERS"] == "3" and seen["PORT"] == "1"
    assert "127.0.0.1" in seen["no_proxy"].split(",")
    assert seen["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_file_keeps_its_permissions_and_appears_whole(tmp_path):
    "Under a strict umask too; nothing is left beside it, also when the writing fails."
    path = tmp_path / "shared.txt"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0o077)
    try:
        write_aside(path, b"new")
        with pytest.raises(TypeError):
            write_aside(path, "no bytes")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new" and [p.name for p in tmp_path.iterdir()] == ["shared.txt"]
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o644


def test_an_optimised_kernel_says_so(tmp_path):
    "A learner's own kernel that leaves out checks refuses to follow them."
    script = "from mlprod.course.checks import follow; follow('00_five_minutes')"
    done = subprocess.run(
        [sys.executable, "-O", "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert "unset PYTHONOPTIMIZE" in done.stderr


PARENT = """
import time
from jupyter_core.utils import run_sync
from mlprod.run import FreshKernel
kernel = FreshKernel(kernel_name="python3")
run_sync(kernel.start_kernel)()
if {waits}:
    kernel.client().start_channels()
    run_sync(kernel.connection._async_wait_for_ready)()
print(kernel.provisioner.process.pid, flush=True)
time.sleep(600)
"""
ADOPTING = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: what is left becomes our child
parent = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
kernel = int(parent.stdout.readline())
parent.kill()
parent.wait()
print(os.waitpid(kernel, 0)[0] == kernel)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has subreapers")
@pytest.mark.parametrize("waits", [False, True], ids=["while it starts", "when it is ready"])
def test_a_kernel_ends_when_its_parent_was_killed(waits):
    "Also where another process than init adopts it."
    command = [sys.executable, "-c", ADOPTING, PARENT.format(waits=waits)]
    env = child_environment()
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout == "True\n", done.stderr
