"""make.py sets up once, notices what changed, and depends on nothing else that a machine has.

Each test runs the real script, on a copy of it with a lock of tiny wheels made here: no network.
"""

import functools
import hashlib
import http.server
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")
WITH_UV = {"PATH": str(UV.parent)}  # for a user who has one
posix = pytest.mark.skipif(os.name == "nt", reason="signals and rights are another matter there")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a matter of Linux")

# A build backend small enough to need nothing, in the place of setuptools and setup.py. Its mlprod
# prints what it has inherited.
BACKEND = '''
import zipfile

PROBE = """
import json, os, sys, urllib.request

bypassed = urllib.request.proxy_bypass("127.0.0.1")
print(json.dumps([dict(os.environ), sys.flags.optimize, bool(bypassed)]))
"""

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "mlprod-0.1.0.dist-info/"
    files = {
        "mlprod/__init__.py": "",
        "mlprod/cli.py": PROBE,
        name + "METADATA": "Metadata-Version: 2.1\\nName: mlprod\\nVersion: 0.1.0\\n",
        name + "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[name + "RECORD"] = "".join(f"{path},,\\n" for path in [*files, name + "RECORD"])
    with zipfile.ZipFile(f"{folder}/mlprod-0.1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return "mlprod-0.1.0-py3-none-any.whl"
'''

# What the index offers under the name of uv: a call of the real one, which leaves a trace.
UV_MODULE = f"""
import pathlib, subprocess, sys

def main():
    pathlib.Path(sys.prefix, "installed-by-uv").touch()
    sys.exit(subprocess.call([{str(UV)!r}, *sys.argv[1:]]))
"""
UV_SCRIPT = f"""#!/bin/sh
touch "${{0%/bin/uv}}/installed-by-uv"
exec '{UV}' "$@"
"""


def write_wheel(folder: Path, name: str, **files: str) -> str:
    "Write a wheel, with an empty module where nothing is given; gives its entry in the lock."
    info = f"{name}-1.0.dist-info"
    files = (files or {f"{name}.py": ""}) | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in files.items():
            entry = zipfile.ZipInfo(member)
            entry.external_attr = 0o100755 << 16  # the script of uv is to be run
            wheel.writestr(entry, text)
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def without_uv(path: str) -> str:
    "The folders of a PATH in which there is no uv."
    folders = path.split(os.pathsep)
    return os.pathsep.join(each for each in folders if not shutil.which("uv", path=each))


class Project:
    "A copy of the repository's set-up files, with a lock of its own and an index that is a folder."

    def __init__(self, folder: Path, name: str = "project"):
        self.root = folder / name
        self.wheels = folder / "wheels"
        self.root.mkdir()
        self.wheels.mkdir()
        for file in ("make.py", "Makefile", "setup.py", "settings.ini"):
            shutil.copy(ROOT / file, self.root)
        (self.root / "backend.py").write_text(BACKEND)
        (self.root / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        self.lock.write_text(write_wheel(self.wheels, "first"))
        commands = "[console_scripts]\nuv = uv:main\n"
        windows = {"uv.py": UV_MODULE, "uv-1.0.dist-info/entry_points.txt": commands}
        self.offer("uv", **(windows if os.name == "nt" else {"uv-1.0.data/scripts/uv": UV_SCRIPT}))
        (folder / "home").mkdir()
        self.configuration = folder / "pip.conf"
        self.configuration.write_text(
            f"[global]\nno-index = true\nfind-links = {self.wheels.as_uri()}\n"
        )
        kept = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LD_LIBRARY_PATH")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ} | {
            "PATH": without_uv(os.environ["PATH"]),
            "HOME": str(folder / "home"),
            "USERPROFILE": str(folder / "home"),
            "PIP_CONFIG_FILE": str(self.configuration),
            "PIP_CACHE_DIR": str(folder / "pip-cache"),
            "UV_CACHE_DIR": str(folder / "uv-cache"),
        }

    def offer(self, name: str, **files: str) -> None:
        "One more package, in the index and in the lock."
        self.lock.write_text(self.lock.read_text() + write_wheel(self.wheels, name, **files))

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

    @property
    def by_uv(self) -> bool:
        return (self.root / ".venv" / "installed-by-uv").exists()

    def start(self, *arguments: str, before: tuple = (), **environment: str) -> subprocess.Popen:
        "Start make.py; a variable of None is taken out."
        variables = {k: v for k, v in (self.environment | environment).items() if v is not None}
        return subprocess.Popen(
            [*before, sys.executable, "make.py", *arguments],
            cwd=self.root,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            **({} if os.name == "nt" else {"umask": 0o077}),
        )

    def make(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=150)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class Index(http.server.ThreadingHTTPServer):
    "The wheels of a project over HTTP; remembers who asked for them."

    def __init__(self, project: Project):
        self.agents = set()
        folder = project.root.parent
        for wheel in project.wheels.iterdir():
            place = folder / "simple" / wheel.name.split("-")[0]
            place.mkdir(parents=True)
            shutil.copy(wheel, place)
        super().__init__(("127.0.0.1", 0), functools.partial(IndexHandler, directory=folder))
        self.thread = threading.Thread(target=self.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


class IndexHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        self.server.agents.add(self.headers["User-Agent"].split("/")[0])


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    "A project in a folder with an odd name; the tests below are one story, told in this order."
    more = "" if os.name == "nt" else ' "$HOME" `id`;'
    return Project(tmp_path_factory.mktemp("setup"), "it's 100% größe 数" + more)


def test_what_a_machine_has_changes_nothing_but_the_index(project):
    """The index of pip.conf is asked by pip and by uv; no other option, constraint, path or proxy.

    The folder may have any name: spaces, quotes, per cent, letters of other alphabets.
    """
    folder = project.root.parent
    (folder / "constraints.txt").write_text("first==0.5\nuv==0.5\n")
    others = folder / "others"
    others.mkdir()
    for name in ("first", "pip", "venv", "ensurepip", "mlprod"):
        (others / f"{name}.py").write_text("raise SystemExit('another project')")
    harmful = {
        "PIP_USER": "1", "PIP_CONSTRAINT": str(folder / "constraints.txt"),
        "PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_BINARY": ":all:", "PIP_PREFIX": str(others),
        "UV_CONSTRAINT": str(folder / "constraints.txt"), "UV_SYSTEM_PYTHON": "1",
        "UV_NO_BINARY": "1", "UV_PYTHON": "2.7", "VIRTUAL_ENV": str(others),
        "PYTHONPATH": str(others), "PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1",
        "http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",
    }  # fmt: skip
    files = project.configuration.read_text()
    with Index(project) as index:
        project.configuration.write_text(
            f"[global]\nindex-url = http://127.0.0.1:{index.server_port}/simple\n"
            f"user = true\ntarget = {folder / 'elsewhere'}\n"
        )
        result = project.make("run", **harmful)
    project.configuration.write_text(files)

    assert result.returncode == 0, result.stdout + result.stderr
    assert project.by_uv and index.agents == {"pip", "uv"}
    seen = json.loads(result.stdout.splitlines()[-1])[0]
    assert seen["VIRTUAL_ENV"] == str(project.root / ".venv")
    assert not (folder / "elsewhere").exists()
    assert len(list(others.iterdir())) == 5


def test_uv_comes_from_the_index_with_its_hash_and_installs_the_rest(project):
    "What it has installed can be imported."
    assert project.by_uv and project.stamp.exists()
    subprocess.run([project.python, "-c", "import first"], check=True)


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
    assert "settings.ini has changed" in result.stdout
    assert (project.root / ".venv" / "kept").exists()
    assert project.make("setup").stdout == ""


def test_a_verb_inherits_what_is_chosen_and_nothing_else(project, tmp_path):
    "Neither another project's Python nor a proxy, nor the user's settings of Jupyter and IPython."
    (tmp_path / "probe.py").write_text("raise SystemExit('another project')")
    harmful = dict.fromkeys(
        ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_PATH", "MPLBACKEND", "MPLCONFIGDIR",
         "PYTHONSTARTUP", "PIP_USER", "UV_SYSTEM_PYTHON", "PYTEST_ADDOPTS", "HOST"), "wrong",
    )  # fmt: skip
    harmful |= dict.fromkeys(("http_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    python = {"PYTHONPATH": str(tmp_path), "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error"}
    outcome = project.make("run", **harmful, **python, CI="true")
    assert outcome.returncode == 0, outcome.stderr
    seen, optimize, bypassed = json.loads(outcome.stdout)

    assert not [name for name in harmful if seen.get(name, "").endswith(("wrong", ":9"))]
    assert optimize == 0 and bypassed
    assert not {name for name in seen if name.startswith("PYTHON")} - {"PYTHONUTF8"}
    assert seen["CI"] == "true"
    assert Path(seen["JUPYTER_CONFIG_PATH"]) == project.root / ".jupyter"
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "MPLCONFIGDIR"):
        assert project.root / ".venv" in Path(seen[name]).parents


def test_serve_hears_what_the_app_can_be_told(project):
    "HOST and its like, which shells also set for themselves, reach the app and no other verb."
    told = {"HOST": "0.0.0.0", "LOG_LEVEL": "INFO", "MAX_BODY_MB": "9"}
    seen = {verb: json.loads(project.make(verb, **told).stdout)[0] for verb in ("serve", "run")}

    assert told.items() <= seen["serve"].items()
    assert not told.keys() & seen["run"].keys()


@posix
@pytest.mark.parametrize("home", [None, "/nowhere"])
def test_no_home_is_no_obstacle(project, home):
    "The programs get one that they can write to."
    outcome = project.make("run", HOME=home)

    assert outcome.returncode == 0, outcome.stderr
    assert os.access(json.loads(outcome.stdout)[0]["HOME"], os.W_OK)


@linux
@pytest.mark.parametrize("leaves", [True, False])
def test_a_process_that_a_test_leaves_fails_the_tests(project, leaves):
    "It is named, with the test that started it, and ended; all tests were green."
    (project.root / "tests").mkdir(exist_ok=True)
    shutil.copy(ROOT / "tests" / "suite.py", project.root / "tests")
    (project.root / "tests" / "test_nothing.py").touch()
    sleep = [sys.executable, "-c", "import time; time.sleep(100)"]
    start = f"import subprocess; print(subprocess.Popen({sleep}, start_new_session=True).pid)"
    (project.root / "pytest.py").write_text(  # in the place of the real one
        "import os, subprocess, sys\n"
        "os.environ['PYTEST_CURRENT_TEST'] = 'tests/test_x.py::test_y (call)'\n"
        + f"subprocess.run([sys.executable, '-c', {start!r}], check=True)\n" * leaves
    )
    result = project.make("test", "tests")
    lines = [line for line in result.stdout.splitlines() if "has left process" in line]

    assert result.returncode == (1 if leaves else 0), result.stdout + result.stderr
    assert len(lines) == (1 if leaves else 0)
    if leaves:
        number = int(re.search(r"tests/test_x.py::test_y has left process (\d+)", lines[0])[1])
        assert not Path(f"/proc/{number}").exists()


def test_an_unreachable_index_is_one_line_and_leaves_no_environment(project):
    "A changed lock is noticed; where it cannot be installed, nothing remains to be trusted."
    project.offer("second")
    dead = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "file:///nowhere", "PIP_RETRIES": "1"}
    result = project.make("run", **dead, PIP_INDEX_URL="http://127.0.0.1:9/simple", **WITH_UV)

    assert result.returncode == 1
    assert "requirements.lock has changed" in result.stdout
    assert result.stderr.count("\n") == 1
    assert "the package index cannot be reached" in result.stderr
    assert "artifacts/setup.log" in result.stderr.replace("\\", "/")
    assert "127.0.0.1" in (project.root / "artifacts" / "setup.log").read_text()
    assert not (project.root / ".venv").exists()


def test_half_an_environment_is_made_anew_and_once(project):
    "A killed make leaves no trust; the next ones wait for its installer, and one of them works."
    killed = project.start("setup", **WITH_UV)
    while not project.python.exists():
        time.sleep(0.02)
    killed.kill()
    killed.communicate()
    leftover = project.root / ".venv" / "leftover"
    leftover.touch()
    both = [project.start("setup", **WITH_UV) for _ in range(2)]
    outputs = [process.communicate(timeout=150)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0], outputs
    assert not leftover.exists()
    assert sorted("set-up done" in out for out in outputs) == [False, True]
    subprocess.run([project.python, "-c", "import first, second"], check=True)


@posix
def test_an_interrupted_setup_is_quiet_and_leaves_nothing(project):
    "No traceback, no half-made environment: SIGTERM early, Ctrl-C while an index never answers."
    shutil.rmtree(project.root / ".venv")

    def interrupt(process, sign):
        process.send_signal(sign)
        _, err = process.communicate(timeout=170)
        return process.returncode, err, (project.root / ".venv").exists()

    process = project.start("setup", **WITH_UV)
    while not project.python.exists():
        time.sleep(0.02)
    assert interrupt(process, signal.SIGTERM) == (143, "", False)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = project.start(
            "setup", PIP_NO_INDEX="0", PIP_FIND_LINKS="file:///nowhere", PIP_INDEX_URL=index,
            **WITH_UV,
        )  # fmt: skip
        with silent.accept()[0]:
            assert interrupt(process, signal.SIGINT) == (130, "", False)


def test_where_uv_cannot_be_had_pip_does_it(tmp_path):
    "One line says so; the packages are the same."
    project = Project(tmp_path)
    (project.wheels / "uv-1.0-py3-none-any.whl").unlink()
    project.lock.write_text(write_wheel(project.wheels, "first"))
    result = project.make("setup")

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("trying without uv") == 1
    assert not project.by_uv
    subprocess.run([project.python, "-c", "import first"], check=True)


def test_a_package_with_another_hash_is_not_installed(tmp_path):
    "Neither by uv nor by pip; the line says what that may mean."
    project = Project(tmp_path)
    project.lock.write_text(re.sub(r"sha256:\w{4}", "sha256:0000", project.lock.read_text()))
    result = project.make("setup", **WITH_UV)

    assert result.returncode == 1
    assert "not the one that requirements.lock names" in result.stderr
    assert not (project.root / ".venv").exists()


@posix
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    "It names the folder; root is not stopped by rights, so its power over them is taken away."
    project = Project(tmp_path)
    before = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv")
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    project.root.chmod(0o555)
    try:
        result = project.make("setup", before=before)
    finally:
        project.root.chmod(0o755)

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"no right to write in {project.root}" in result.stderr


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def get_json(address: str):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=30) as answer:
        return json.load(answer)


@posix
@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="not the environment of make.py")
def test_lab_opens_this_folder_whatever_the_users_configuration_says(tmp_path):
    "The real JupyterLab: its folder and its kernel are ours, its settings those of .jupyter/."
    (tmp_path / ".jupyter").mkdir()
    (tmp_path / ".jupyter" / "jupyter_server_config.py").write_text(
        f"c.ServerApp.root_dir = {str(tmp_path)!r}\nc.ServerApp.base_url = '/elsewhere/'\n"
    )
    kernel = tmp_path / ".local/share/jupyter/kernels/python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "theirs"}')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "make.py", "lab", "--no-browser", "--allow-root", f"--port={port}",
         "--ServerApp.port_retries=0", "--IdentityProvider.token="],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "JUPYTER_PATH": str(tmp_path),
                          "JUPYTER_CONFIG_DIR": str(tmp_path / ".jupyter")},
    )  # fmt: skip
    try:
        for line in process.stdout:  # ends where the server ends
            if f":{port}/" in line:
                break
        address = f"http://127.0.0.1:{port}"
        while not answers(port):  # the line comes a moment before
            assert process.poll() is None, "the server has ended: has another one taken its port?"
            time.sleep(0.1)
        kernels = get_json(f"{address}/api/kernelspecs")["kernelspecs"]
        start = get_json(f"{address}/api/contents/nbs/start.md?content=0")
        settings = get_json(
            f"{address}/lab/api/settings/@jupyterlab/docmanager-extension:plugin"
        )
    finally:
        process.terminate()
        process.communicate(timeout=60)

    assert start["name"] == "start.md"
    assert kernels["python3"]["spec"]["argv"][0] != "false"
    assert "Markdown Preview" in json.dumps(settings["schema"])


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


@posix
@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_survives_the_end_of_the_python_that_it_was_set_up_with(tmp_path):
    "A link in .venv to a Python that was taken away, or a PYTHON of somebody else's, is passed by."
    for name in ("Makefile", "make.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/nowhere")
    result = subprocess.run(
        ["make"], cwd=tmp_path, env=os.environ | {"PYTHON": "false"}, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr
    assert "usage: make VERB" in result.stdout


def test_an_unknown_verb_is_refused_with_the_nearest():
    "The status is 1 and the line names the verb that was probably meant."
    result = subprocess.run(
        [sys.executable, ROOT / "make.py", "tset"], capture_output=True, text=True
    )

    assert result.returncode == 1
    assert "did you mean test?" in result.stderr
