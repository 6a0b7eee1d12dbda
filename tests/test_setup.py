"""make.py sets up once, notices what changed, and never trusts a half-made environment.

Each test runs the real script, on a copy of it with a lock of one tiny wheel made here: no network.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A build backend small enough to need nothing, in the place of setuptools and setup.py.
BACKEND = '''
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "mlprod-0.1.0.dist-info/"
    files = {
        "mlprod.pth": "",
        name + "METADATA": "Metadata-Version: 2.1\\nName: mlprod\\nVersion: 0.1.0\\n",
        name + "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        name + "entry_points.txt": "[console_scripts]\\nmlprod = platform:libc_ver\\n",
    }
    files[name + "RECORD"] = "".join(f"{path},,\\n" for path in [*files, name + "RECORD"])
    with zipfile.ZipFile(f"{folder}/mlprod-0.1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return "mlprod-0.1.0-py3-none-any.whl"
'''


def write_wheel(folder: Path, name: str) -> str:
    "Write an empty wheel; gives the line that locks it."
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in files.items():
            wheel.writestr(member, text)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Project:
    "A copy of the repository's set-up files, with a lock of its own and an index that is a folder."

    def __init__(self, folder: Path):
        self.root = folder / "project"
        self.wheels = folder / "wheels"
        self.root.mkdir()
        self.wheels.mkdir()
        for name in ("make.py", "Makefile", "setup.py", "settings.ini"):
            shutil.copy(ROOT / name, self.root)
        (self.root / "backend.py").write_text(BACKEND)
        (self.root / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        self.lock.write_text(write_wheel(self.wheels, "first"))
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "UV_", "VIRTUAL_ENV", "PYTHONPATH"))
        } | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_CACHE_DIR": "1",
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": str(self.wheels),
        }

    @property
    def lock(self) -> Path:
        return self.root / "requirements.lock"

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "mlprod-setup.txt"

    @property
    def python(self) -> Path:
        folder = self.root / ".venv"
        return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "make.py", *arguments],
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    "A project that is set up; the tests below are one story, told in this order."
    project = Project(tmp_path_factory.mktemp("setup"))
    result = project.make("setup")

    assert result.returncode == 0, result.stdout + result.stderr
    assert project.stamp.exists()
    return project


def test_a_finished_setup_costs_nothing(project):
    "The second time nothing is installed and nothing is said."
    def written():
        return {path: path.stat().st_mtime_ns for path in project.stamp.parent.rglob("*.*")}

    before = written()
    result = project.make("setup")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert written() == before


def test_changed_settings_install_only_the_package_again(project):
    "The locked packages stay: no fresh environment for a new description."
    (project.root / ".venv" / "kept").touch()
    with open(project.root / "settings.ini", "a") as file:
        file.write("\n# changed\n")
    result = project.make("setup")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "settings.ini or setup.py has changed" in result.stdout
    assert (project.root / ".venv" / "kept").exists()
    assert project.make("setup").stdout == ""


def test_an_unreachable_index_is_one_line_and_leaves_no_environment(project):
    "A changed lock is noticed; where it cannot be installed, nothing remains to be trusted."
    second = write_wheel(project.wheels, "second")
    project.lock.write_text(project.lock.read_text() + second)
    dead = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}
    dead |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    dead |= {"UV_NO_INDEX": "", "UV_FIND_LINKS": "", "UV_NO_CACHE": "1"}
    dead |= {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    result = project.make("run", **dead)

    assert result.returncode == 1
    assert "requirements.lock has changed" in result.stdout
    assert result.stderr.count("\n") == 1
    assert "the package index cannot be reached" in result.stderr
    assert "artifacts/setup.log" in result.stderr.replace("\\", "/")
    assert "127.0.0.1" in (project.root / "artifacts" / "setup.log").read_text()
    assert not project.stamp.exists()


def test_half_an_environment_is_made_anew_and_once(project):
    "A killed make leaves no trust; the next ones wait for its installer, and one of them works."
    shutil.rmtree(project.root / ".venv", ignore_errors=True)
    killed = project.start("setup")
    while not project.python.exists():
        time.sleep(0.02)
    killed.kill()
    killed.communicate()
    leftover = project.root / ".venv" / "leftover"
    leftover.touch()
    both = [project.start("setup") for _ in range(2)]
    outputs = [process.communicate(timeout=100)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0], outputs
    assert not leftover.exists()
    assert sorted("set-up done" in out for out in outputs) == [False, True]
    subprocess.run([project.python, "-c", "import first, second"], check=True)


@pytest.mark.skipif(os.name == "nt", reason="signals are sent another way on Windows")
def test_an_interrupted_setup_is_quiet_and_not_trusted(project):
    "Ctrl-C ends with status 130, without a traceback and without a stamp."
    project.lock.write_text(project.lock.read_text() + write_wheel(project.wheels, "third"))
    (project.wheels / "third-1.0-py3-none-any.whl").unlink()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an index that never answers
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = project.start(
            "setup", PIP_NO_INDEX="0", PIP_INDEX_URL=index, UV_NO_INDEX="0", UV_INDEX_URL=index
        )
        with silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=170)

    assert process.returncode == 130
    assert err == ""
    assert not project.stamp.exists()


OLD_PYTHONS = [Path.home() / ".pyenv/versions", Path("/opt/hostedtoolcache/Python")]


def old_pythons() -> list[Path]:
    "The Pythons on this machine that are too old, one a version."
    found = [path for folder in OLD_PYTHONS for path in folder.glob("*/bin/python")]
    on_path = [shutil.which(f"python{version}") for version in ("2.7", "3.6", "3.8", "3.9", "3.10")]
    candidates = found + [Path(path) for path in on_path if path and "shims" not in path]
    tell = "import sys; print('%d.%d' % sys.version_info[:2])"
    versions = {}
    for path in candidates:
        result = subprocess.run([path, "-c", tell], capture_output=True, text=True)
        if result.returncode == 0:
            versions.setdefault(result.stdout.strip(), path)
    return [
        path
        for version, path in sorted(versions.items())
        if tuple(map(int, version.split("."))) < (3, 11)
    ]


@pytest.mark.parametrize("python", old_pythons(), ids=lambda path: path.parent.parent.name)
def test_an_old_python_is_told_in_one_line_what_to_do(python):
    "The script parses there, and names the version that is needed and the one that is."
    result = subprocess.run(
        [python, ROOT / "make.py", "run"],
        env={"PATH": os.devnull},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "Python 3.11 or newer is needed, this is " in result.stderr
    assert "make.py run" in result.stderr


def test_the_script_keeps_to_syntax_that_old_pythons_read():
    "An f-string, := or match would turn the one line into a SyntaxError."
    import ast

    source = (ROOT / "make.py").read_text()
    tree = ast.parse(source, feature_version=(3, 4))

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign)]


@pytest.fixture(scope="module")
def make():
    "make.py as a module, for what cannot be brought about here: a full disk."
    spec = importlib.util.spec_from_file_location("make", ROOT / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        # Printed by pip 23.2 and uv 0.13 on a full tmpfs.
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on "
            "device\n",
            "the disk is full",
        ),
        (
            "error: Failed to install: matplotlib-3.11.2-cp311-cp311-manylinux2014_x86_64.whl\n"
            "  cause: failed to copy file from a to b: No space left on device (os error 28)\n",
            "the disk is full",
        ),
        # Printed by Debian's Python without python3-venv.
        (
            "The virtual environment was not created successfully because ensurepip is not "
            "available.\n",
            "comes without venv",
        ),
        # pip 23.2, then uv 0.13, with a wrong hash in the lock.
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n",
            "not the one that requirements.lock names",
        ),
        ("  cause: Hash mismatch for `six==1.17.0`\n", "not the one that requirements.lock names"),
        # uv 0.13 without a name server, then pip 23.2 on a Python for which there is no wheel.
        (
            "  cause: Failed to fetch: http://nowhere.invalid/simple/six/\n  cause: dns error\n",
            "the package index cannot be reached",
        ),
        (
            "ERROR: No matching distribution found for numpy==2.4.6\n",
            "no fitting package for Python",
        ),
        ("first\nsomething unheard of\n\n", "set-up failed: something unheard of"),
    ],
)
def test_what_an_installer_prints_becomes_one_line(make, output, meaning):
    "The reason in plain words, and what to do."
    line = make.explain(output)

    assert meaning in line
    assert "\n" not in line


def test_the_makefile_offers_exactly_the_verbs_of_the_script(make):
    "One path to keep right: the Makefile adds nothing and forgets nothing."
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^(run .*):$", text, re.MULTILINE).group(1).split()

    assert sorted(targets) == sorted(make.VERBS)


def test_an_unknown_verb_is_refused_with_the_nearest():
    "The status is 1 and the line names the verb that was probably meant."
    result = subprocess.run(
        [sys.executable, ROOT / "make.py", "tset"], capture_output=True, text=True
    )

    assert result.returncode == 1
    assert "did you mean test?" in result.stderr
