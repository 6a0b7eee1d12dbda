#!/usr/bin/env python3
"""Set up and run mlprod: `python3 make.py` lists the verbs; the Makefile calls this script.

The standard library alone, and syntax that even Python 2.7 reads: a Python that is too old must
still be able to say so in one line.
"""

from __future__ import print_function

import collections
import contextlib
import difflib
import errno
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = os.path.join(ROOT, ".venv")
STAMP = os.path.join(ENVIRONMENT, "mlprod-setup.txt")
LOCK = os.path.join(ROOT, "requirements.lock")
LOG = os.path.join(ROOT, "artifacts", "setup.log")
OLDEST = (3, 11)
TESTED = ("python3.13", "python3.12", "python3.11")

VERBS = collections.OrderedDict([
    ("run", "train, package and check the model, write the app: the whole road"),
    ("serve", "start the app that `run` wrote, on http://127.0.0.1:8080"),
    ("lab", "open the course in JupyterLab"),
    ("lessons", "execute every lesson; the copies go to artifacts/lessons/"),
    ("test", "everything: lessons, tests, check (or some of them: test tests check)"),
    ("check", "the quick gate: library, README and app match the notebooks; lint"),
    ("setup", "only make .venv with the locked packages; every verb above does it"),
    ("lock", "for maintainers: requirements.lock anew from settings.ini (needs uv)"),
])

CELL_SECONDS = 90  # no cell of a lesson needs a fifth of it
TEST_SECONDS = 180  # one test
PART_SECONDS = 900  # lessons, tests or check as a whole


class Problem(Exception):
    "What is wrong and what to do about it, in one line."


# ---- Python ------------------------------------------------------------------------------------


def leave_old_python():
    "Go on with a newer Python where there is one; otherwise say what to do."
    if sys.version_info >= OLDEST:
        return
    for name in TESTED:
        try:
            with open(os.devnull, "w") as nothing:
                found = subprocess.call([name, "-c", ""], stdout=nothing, stderr=nothing) == 0
        except OSError:
            continue
        if found:
            sys.exit(subprocess.call([name, os.path.abspath(__file__)] + sys.argv[1:]))
    raise Problem(
        "Python {}.{} or newer is needed, this is {}.{}: install it from "
        "https://www.python.org/downloads/, then run: python3.13 make.py {}".format(
            *(OLDEST + sys.version_info[:2] + (" ".join(sys.argv[1:]) or "run",))
        )
    )


def base_python():
    "The interpreter outside any environment: `.venv` itself may be the one that runs this."
    return getattr(sys, "_base_executable", None) or sys.executable


def in_environment(name):
    "The path of a program inside `.venv`."
    if os.name == "nt":
        return os.path.join(ENVIRONMENT, "Scripts", name + ".exe")
    return os.path.join(ENVIRONMENT, "bin", name)


# ---- Set-up ------------------------------------------------------------------------------------


def fingerprints():
    "What the environment depends on: change one, and it no longer fits."

    def digest(*paths):
        content = hashlib.sha256()
        for path in paths:
            with open(os.path.join(ROOT, path), "rb") as file:
                content.update(file.read())
        return content.hexdigest()

    # The folder is part of it: an environment that was moved does not work.
    python = "{}.{} in {}".format(sys.version_info[0], sys.version_info[1], ROOT)
    return {
        "python": python,
        "packages": digest("requirements.lock"),
        "mlprod": digest("setup.py", "settings.ini"),
    }


def read_stamp():
    "The fingerprints of the environment that stands; nothing where none was finished."
    try:
        with open(STAMP, encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(": ", 1) for line in file)
    except (OSError, ValueError):
        return {}


def fits(wanted):
    "Whether the environment was finished, from these very inputs."
    return read_stamp() == wanted and os.path.exists(in_environment("python"))


def set_up():
    "Make `.venv` fit the lock. The stamp is written last: no stamp, no trust."
    wanted = fingerprints()
    if fits(wanted):
        return
    with one_at_a_time() as held:
        if fits(wanted):  # another make was faster
            return
        started = time.time()
        stamp = read_stamp()
        same = [key for key in wanted if stamp.get(key) == wanted[key]]
        only_mlprod = same == ["python", "packages"] and os.path.exists(in_environment("python"))
        if only_mlprod:
            say("settings.ini or setup.py has changed: installing mlprod again")
        elif stamp:
            changed = "Python" if "python" not in same else "requirements.lock"
            say("{} has changed: making .venv anew".format(changed))
        with contextlib.suppress(OSError):
            os.remove(STAMP)
        try:
            steps = installation_steps(only_mlprod)
            with setup_log():
                for number, (title, command) in enumerate(steps, 1):
                    title = "set-up {}/{}: {}".format(number, len(steps), title)
                    run_step(title, command, held)
            with open(STAMP, "w", encoding="utf-8") as file:
                file.writelines("{}: {}\n".format(*item) for item in wanted.items())
        except Problem:
            remove_environment()  # gives the disk back, and leaves nothing half made
            raise
        say("set-up done in {:.0f} s".format(time.time() - started))


def installation_steps(only_mlprod):
    "Title and command of each step, with uv where it is, else with pip."
    python = in_environment("python")
    uv = find_uv()
    with open(LOCK, encoding="utf-8") as file:
        count = len(re.findall(r"^\S+==", file.read(), re.M))
    if uv:
        make = [uv, "venv", "--no-project", "--python", base_python(), ENVIRONMENT]
        install = [uv, "pip", "install", "--python", python, "--no-progress"]
    else:
        make = [base_python(), "-m", "venv", ENVIRONMENT]
        install = [python, "-m", "pip", "install", "--no-input", "--progress-bar=off"]
        install += ["--disable-pip-version-check", "--no-warn-script-location"]
    steps = [
        ("mlprod itself", install + ["--no-deps", "--no-build-isolation", "-e", ROOT]),
        ("matplotlib's font list", [python, "-c", WARM_UP]),
    ]
    if only_mlprod:
        return steps
    remove_environment()
    title = "the locked packages ({}) with {}".format(count, "uv" if uv else "pip")
    # --only-binary: where there is no wheel, say so at once instead of compiling for an hour.
    packages = install + ["--only-binary", ":all:", "--require-hashes", "-r", LOCK]
    return [("a fresh .venv", make), (title, packages)] + steps


# matplotlib announces the making of this list: that would land in a lesson's output.
WARM_UP = (
    "import importlib, importlib.util as util\n"
    "util.find_spec('matplotlib') and importlib.import_module('matplotlib.font_manager')"
)


def find_uv():
    "The path of a uv that works, or nothing."
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True).returncode == 0:
        return uv
    return None


def remove_environment():
    "Delete `.venv`, the stamp first."
    with contextlib.suppress(OSError):
        os.remove(STAMP)
    try:
        if os.path.islink(ENVIRONMENT) or os.path.isfile(ENVIRONMENT):
            os.remove(ENVIRONMENT)
        elif os.path.exists(ENVIRONMENT):
            shutil.rmtree(ENVIRONMENT)
    except OSError as error:
        raise Problem(
            "cannot delete {} ({}): close the programs that use it and run again".format(
                error.filename or ENVIRONMENT, error.strerror
            )
        )


@contextlib.contextmanager
def one_at_a_time():
    "Let one make set up while others wait; the system frees the lock when a process dies."
    with open(os.path.join(ROOT, ".venv.lock"), "a") as file:
        waiting = False
        while not try_lock(file):
            if not waiting:
                say("another make is setting up: waiting for it")
                waiting = True
            time.sleep(0.2)
        yield file.fileno()


def try_lock(file):
    "Take the lock of an open file, if nobody has it."
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


log_file = None  # open while setting up


@contextlib.contextmanager
def setup_log():
    "Keep what the installers print; a disk too full for it must not hide their reason."
    global log_file
    os.makedirs(os.path.dirname(LOG), exist_ok=True)
    log_file = open(LOG, "w", encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            log_file.close()
        log_file = None


def run_step(title, command, held):
    "Run one installer: seconds on the screen, its output in the log, a known failure in one line."
    environment = dict(os.environ, PYTHONUTF8="1")
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"):
        environment.pop(name, None)  # they would make the installer look, or write, elsewhere
    # A group of its own, to be stopped as a whole. It holds the lock too: where this process is
    # killed, the next make waits until the installer has ended.
    group = {} if os.name == "nt" else {"start_new_session": True, "pass_fds": [held]}
    started = time.time()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", **group
    )  # fmt: skip
    lines = ["$ " + " ".join(command) + "\n"]

    def keep_output():
        lines.extend(process.stdout)

    reader = threading.Thread(target=keep_output, daemon=True)
    reader.start()
    live = sys.stdout.isatty()
    if not live:
        print(title, end=" ", flush=True)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                break
            if live:
                show_progress(title, time.time() - started, lines[-1])
    finally:
        if process.poll() is None:
            if os.name == "nt":
                process.terminate()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(2)
        with contextlib.suppress(OSError):
            log_file.writelines(lines)
            log_file.flush()
        if live:
            show_progress(title, time.time() - started, "")
            print()
        else:
            print("{:.0f} s".format(time.time() - started), flush=True)
    if process.returncode:
        log = os.path.relpath(LOG, ROOT)
        raise Problem("{} (details: {})".format(explain("".join(lines)), log))


def show_progress(title, seconds, line):
    "Overwrite the current line of the terminal."
    text = "{}  {:.0f} s  {}".format(title, seconds, line.strip())
    width = shutil.get_terminal_size().columns - 1
    print("\r" + text[:width].ljust(width), end="", flush=True)


# Read from top to bottom: a full disk also breaks downloads, a dead network also hides packages.
REASONS = [
    (
        r"No space left on device|os error 28\b|Errno 28\b|not enough space on the disk"
        r"|os error 112\b|[Dd]isk quota exceeded|os error 122\b|Errno 122\b",
        "the disk is full: set-up needs 2 GB in {root} and 1 GB in {temporary}: make room, "
        "then run again",
    ),
    (
        r"ensurepip is not available|No module named '?(venv|ensurepip)\b",
        "this Python comes without venv: install it (Debian, Ubuntu: "
        "sudo apt install python{version}-venv), then run again",
    ),
    (
        r"DO NOT MATCH THE HASHES|Hash mismatch for",
        "a package is not the one that requirements.lock names: if a mirror or proxy changes "
        "packages, use https://pypi.org/simple; if not, do not install and tell the maintainers",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|invalid peer certificate|UnknownIssuer",
        "the package index's certificate is not trusted: behind a company proxy, set SSL_CERT_FILE "
        "to its certificate, then run again",
    ),
    (
        r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|Connection refused"
        r"|Connection reset|Temporary failure in name resolution|getaddrinfo failed"
        r"|nodename nor servname|Name or service not known|Network is unreachable"
        r"|error sending request|client error \(Connect\)|dns error|tcp connect error"
        r"|operation timed out|Failed to fetch|RemoteDisconnected|IncompleteRead",
        "the package index cannot be reached: check the network (or proxy, or PIP_INDEX_URL and "
        "UV_DEFAULT_INDEX), then run again",
    ),
    (
        r"No matching distribution found|No solution found|has no usable wheels"
        r"|no wheels with a matching",
        "the package index has no fitting package for Python {version} on this system: check "
        "PIP_INDEX_URL and UV_DEFAULT_INDEX, or try another Python: make run PYTHON=python3.12",
    ),
    (
        r"Permission denied|os error 13\b|Errno 13\b|Access is denied|os error 5\b",
        "no right to write: check who owns {root}, then run again",
    ),
]


def explain(output):
    "What an installer's output means, in one line."
    temporary = tempfile.gettempdir()
    # Python's venv keeps the reason to itself: look at the disk, which is still full.
    if min(shutil.disk_usage(folder).free for folder in (ROOT, temporary)) < 20e6:
        output = "No space left on device"
    for pattern, reason in REASONS:
        if re.search(pattern, output):
            version = "{}.{}".format(*sys.version_info[:2])
            return reason.format(root=ROOT, temporary=temporary, version=version)
    last = [line.strip() for line in output.splitlines() if line.strip()][-1]
    return "set-up failed: {}".format(last)


# ---- Verbs -------------------------------------------------------------------------------------


def child_environment():
    "What programs of `.venv` see: its own folder first on the path, UTF-8 everywhere."
    programs = os.path.dirname(in_environment("python"))
    environment = dict(os.environ, VIRTUAL_ENV=ENVIRONMENT, PYTHONUTF8="1")
    environment["PATH"] = programs + os.pathsep + environment.get("PATH", "")
    environment.pop("PYTHONHOME", None)
    # Containers often forbid byte code beside the sources. Without any, each kernel compiles every
    # library anew, which is half of its start: so keep it with the environment.
    if environment.pop("PYTHONDONTWRITEBYTECODE", None):
        environment.setdefault("PYTHONPYCACHEPREFIX", os.path.join(ENVIRONMENT, "bytecode"))
    return environment


def call(command, seconds=None, cwd=ROOT, **variables):
    "Run a program to its end and give its exit status; Ctrl-C reaches it and ends this too."
    environment = child_environment()
    environment.update(variables)
    process = subprocess.Popen(command, cwd=cwd, env=environment)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        say("{} s are over: stopped".format(seconds))
        return 124
    except KeyboardInterrupt:
        # The terminal told the program too: let it close down in its own time.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def hand_over(command, cwd=ROOT):
    "Become the program, so that signals and exit status are its own; Windows can only call it."
    if os.name != "nt":
        sys.stdout.flush()
        os.chdir(cwd)
        os.execve(command[0], command, child_environment())
    return call(command, cwd=cwd)


def mlprod(*arguments):
    return [in_environment("mlprod")] + list(arguments)


def python(*arguments):
    return [in_environment("python")] + list(arguments)


def run_parts(parts):
    "Run every part, also after one that failed, and close with a summary."
    rows = []
    for name, run in parts:
        say("{} ...".format(name))
        started = time.time()
        rows.append((name, run(), time.time() - started))
    print()
    for name, status, seconds in rows:
        verdict = "ok" if status == 0 else "FAILED (exit status {})".format(status)
        print("{:<8} {:>5.0f} s  {}".format(name, seconds, verdict))
    sys.stdout.flush()
    return 1 if any(status for _, status, _ in rows) else 0


def test_lessons():
    "Execute every lesson and compare each output with the one that is written down."
    lessons = sorted(glob.glob(os.path.join(ROOT, "nbs", "*.ipynb")), reverse=True)  # longest first
    if not lessons:
        say("no lessons in nbs/")
        return 1
    workers = min(2, os.cpu_count() or 1)
    # Outputs are those of Linux under the lock; elsewhere the last bits of a float may differ.
    strict = "--nbval" if sys.platform.startswith("linux") else "--nbval-lax"
    command = python(
        "-m", "pytest", strict, "-p", "no:warnings", "-q",
        "-n", str(workers), "--dist", "loadfile",
        "--nbval-cell-timeout", str(CELL_SECONDS), "--nbval-kernel-startup-timeout", "60",
        "--timeout", str(CELL_SECONDS + 60),
    )  # fmt: skip
    return call(command + lessons, PART_SECONDS, OMP_NUM_THREADS=threads_for(workers))


def test_tests():
    workers = min(2, os.cpu_count() or 1)
    longest = ["tests/test_{}.py".format(name) for name in ("exercises", "openapi", "setup", "run")]
    command = python(
        "-m", "pytest", "-q", "--timeout", str(TEST_SECONDS), "-p", "no:nbval",
        "-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder",
    )  # fmt: skip
    return call(command + longest + ["tests"], PART_SECONDS, OMP_NUM_THREADS=threads_for(workers))


def threads_for(workers):
    "How many threads each of them may use: more than there are cores is slower than one."
    return os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // workers))


def check_notebooks():
    return call(mlprod("check"), PART_SECONDS)


def check_lint():
    return call(python("-m", "ruff", "check", "--quiet", "."), PART_SECONDS)


def test(arguments):
    parts = collections.OrderedDict(
        [("lessons", test_lessons), ("tests", test_tests), ("check", check_notebooks)]
    )
    for name in arguments:
        if name not in parts:
            raise Problem("test {}: expected some of {}".format(name, ", ".join(parts)))
    return run_parts([item for item in parts.items() if not arguments or item[0] in arguments])


def lock(arguments):
    "Resolve settings.ini's requirements for every Python and system at once, with hashes."
    uv = find_uv()
    if not uv:
        raise Problem("lock needs uv: install it (pip install uv), then run again")
    import configparser  # Python 2 has none, and must get as far as its own message

    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(os.path.join(ROOT, "settings.ini"), encoding="utf-8")
    settings = parser["DEFAULT"]
    with tempfile.TemporaryDirectory() as folder:
        # In a folder of its own, so that no path of this machine gets into the lock.
        with open(os.path.join(folder, "requirements.in"), "w", encoding="utf-8") as file:
            for name in ("requirements", "dev_requirements", "nbgrader_requirements"):
                file.write(settings[name] + "\n")
        new = os.path.join(folder, "requirements.lock")
        if os.path.exists(LOCK):
            shutil.copy(LOCK, new)  # what is pinned stays, unless --upgrade asks for newer
        command = [
            uv, "pip", "compile", "requirements.in", "-o", "requirements.lock",
            "--universal", "--python-version", settings["min_python"], "--generate-hashes",
            "--fork-strategy", "fewest",  # one version for every Python: the same outputs on all
            "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
            "--quiet",
        ]  # fmt: skip
        status = call(command + arguments, cwd=folder)
        if status:
            return status
        with open(new, encoding="utf-8") as file:
            pins = file.read()
    with open(LOCK, "w", encoding="utf-8", newline="\n") as file:
        file.write("# Written by `make lock` from settings.ini, for Python {}.\n{}".format(
            settings["python_versions"].replace(" ", ", "), pins
        ))
    say("requirements.lock: {} pins".format(len(re.findall(r"^\S+==", pins, re.M))))
    return 0


def perform(verb, arguments):
    "Set up, then do what the verb says; gives the exit status."
    if verb == "lock":
        return lock(arguments)
    set_up()
    if verb == "setup":
        return 0
    if verb == "test":
        return test(arguments)
    if verb == "check":
        return run_parts([("check", check_notebooks), ("lint", check_lint)])
    if verb == "lab":
        return open_lab(arguments)
    return hand_over(mlprod(verb, *arguments))  # run, serve and lessons are the tool's own words


def open_lab(arguments):
    "Open the course as .jupyter/ says; where there is no screen, say the address and no more."
    paths = [os.path.join(ROOT, ".jupyter"), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        arguments = ["--no-browser"] + arguments
    if os.name != "nt":
        # A login shell, JupyterLab's own choice, would take the programs of .venv off the path.
        shell = "--ServerApp.terminado_settings={'shell_command': ['bash']}"
        arguments = [shell] + arguments
        if os.geteuid() == 0 and "--allow-root" not in arguments:
            say("you are root, and JupyterLab wants that confirmed: make lab ARGS=--allow-root")
    return hand_over(python("-m", "jupyterlab", *arguments))


def say(text):
    print("make: " + text, flush=True)


def list_verbs():
    print("usage: make VERB [ARGS=...]   or, the same everywhere: python3 make.py VERB ...\n")
    for verb, purpose in VERBS.items():
        print("  {:<8} {}".format(verb, purpose))


def main():
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        list_verbs()
        return 0
    verb = arguments[0]
    try:
        if verb not in VERBS:
            near = difflib.get_close_matches(verb, VERBS, 1)
            hint = "did you mean {}?".format(near[0]) if near else "expected one of the verbs"
            raise Problem("{}: {} ({})".format(verb, hint, ", ".join(VERBS)))
        leave_old_python()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return perform(verb, arguments[1:])
    except Problem as problem:
        print("make.py: {}".format(problem), file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.errno not in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise
        print("make.py: {}".format(explain("No space left on device")), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
