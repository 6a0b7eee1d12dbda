#!/usr/bin/env python3
"""Set up and run mlprod: `python3 make.py` lists the verbs; the Makefile calls this script.

The standard library alone, and syntax that even Python 2.7 reads: a Python that is too old must
still be able to say so in one line.
"""

from __future__ import print_function

import ast
import collections
import contextlib
import difflib
import errno
import fnmatch
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = os.path.join(ROOT, ".venv")
STAMP = os.path.join(ENVIRONMENT, "mlprod-setup.txt")
LOCK = os.path.join(ROOT, "requirements.lock")
APP_LOCK = os.path.join(ROOT, "mlprod", "files", "app", "requirements.txt")
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
    ("lock", "for maintainers: requirements.lock anew from settings.ini"),
])


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


# ---- What child processes inherit --------------------------------------------------------------

# Chosen, not whatever is there: another project's PYTHONPATH or MPLBACKEND changes nothing.
KEPT = """
    PATH HOME USER LOGNAME SHELL TERM COLORTERM NO_COLOR LANG LANGUAGE LC_* TZ TMPDIR TEMP TMP CI
    LD_LIBRARY_PATH OMP_NUM_THREADS OPENBLAS_* SSH_AUTH_SOCK MLPROD_*
    BROWSER DISPLAY WAYLAND_DISPLAY XAUTHORITY XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERNAME USERPROFILE HOMEDRIVE HOMEPATH
    APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES* PROCESSOR_* NUMBER_OF_PROCESSORS
"""
KEPT_BY_SERVE = """
    HOST WORKERS LOG_LEVEL ORT_DISABLE_TELEMETRY PROMETHEUS_MULTIPROC_DIR AIP_* AWS_LWA_*
"""
KEPT_BY_INSTALLERS = """
    *_proxy *_PROXY SSL_CERT_FILE SSL_CERT_DIR SSL_CLIENT_CERT REQUESTS_CA_BUNDLE NETRC
    XDG_CACHE_HOME XDG_CONFIG_HOME UV_CACHE_DIR UV_NO_CACHE UV_LINK_MODE UV_DEFAULT_INDEX UV_INDEX
    UV_INDEX_* UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_NO_INDEX UV_OFFLINE UV_INSECURE_HOST
    UV_NATIVE_TLS UV_SYSTEM_CERTS UV_HTTP_TIMEOUT UV_KEYRING_PROVIDER
"""
# What counts of pip's configuration (where packages come from), and uv's name for it.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "no-index": "UV_NO_INDEX",
    "find-links": "UV_FIND_LINKS", "trusted-host": "UV_INSECURE_HOST", "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE", "client-cert": "SSL_CLIENT_CERT", "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT", "retries": None, "keyring-provider": None,
    "cache-dir": None, "no-cache-dir": None,
}  # fmt: skip


def environment_for(verb):
    "What programs see: a chosen part of ours, and settings of `.venv`'s own instead of the user's."
    installing = verb in ("setup", "lock", "test")  # a test installs the app's own requirements
    patterns = KEPT + (KEPT_BY_INSTALLERS if installing else "")
    patterns += KEPT_BY_SERVE if verb == "serve" else ""
    chosen = {
        name: value
        for name, value in os.environ.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns.split())
    }
    own = os.path.join(ENVIRONMENT, "home")
    home = os.path.expanduser("~")
    if not os.access(home, os.W_OK):  # none, or somebody else's, as in many containers
        home = own
        with contextlib.suppress(OSError):
            os.makedirs(home)
    chosen.update({
        "USERPROFILE" if os.name == "nt" else "HOME": home,
        "PATH": os.path.dirname(in_environment("")) + os.pathsep + chosen.get("PATH", os.defpath),
        "PYTHONUTF8": "1",
        "VIRTUAL_ENV": ENVIRONMENT,
        "IPYTHONDIR": os.path.join(own, "ipython"),
        "JUPYTER_CONFIG_DIR": os.path.join(own, "jupyter"),
        "JUPYTER_CONFIG_PATH": os.path.join(ROOT, ".jupyter"),
        "JUPYTER_DATA_DIR": os.path.join(own, "jupyter", "data"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "MPLCONFIGDIR": os.path.join(own, "matplotlib"),
    })
    for name in ("NO_PROXY", "no_proxy"):  # calls to this machine never go through a proxy
        chosen[name] = ",".join(filter(None, [chosen.get(name), "127.0.0.1,localhost"]))
    if installing:
        chosen.update(index_settings())
    return chosen


def index_settings():
    "Where packages come from, as pip is configured to: for pip, and in uv's words for uv."
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    outside["PIP_USER"] = "0"  # `user = true` would make pip list one file alone
    listed = ""
    for python in (base_python(), in_environment("python")):  # Debian's own may have no pip
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            listed = subprocess.check_output(
                [python, "-m", "pip", "config", "list"],
                env=outside, stderr=subprocess.DEVNULL, encoding="utf-8", errors="replace",
            )  # fmt: skip
            break
    settings = {"PIP_CONFIG_FILE": os.devnull}
    for section in ("global", "install", ":env:"):  # the later one counts
        for name, value in re.findall("^" + section + r"\.([a-z-]+)=(.+)$", listed, re.M):
            if name in PIP_TO_UV:
                words = ast.literal_eval(value).split()
                settings["PIP_" + name.upper().replace("-", "_")] = " ".join(words)
                if PIP_TO_UV[name]:
                    settings[PIP_TO_UV[name]] = ("," if name == "find-links" else " ").join(words)
    if "UV_INDEX" in settings:  # any index may have a package, as for pip: the hash decides
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


# ---- Set-up ------------------------------------------------------------------------------------


def fingerprints():
    "What the environment depends on: change one, and it no longer fits."

    def digest(*names):
        content = hashlib.sha256()
        for name in names:
            with open(os.path.join(ROOT, name), "rb") as file:
                content.update(file.read())
        return content.hexdigest()

    # The folder is part of it: an environment that was moved does not work.
    return {
        "Python": "{}.{} in {}".format(sys.version_info[0], sys.version_info[1], ROOT),
        "requirements.lock": digest("requirements.lock"),
        "settings.ini or setup.py": digest("settings.ini", "setup.py"),
    }


def read_stamp():
    "The fingerprints of the environment that stands; nothing where none was finished."
    try:
        with open(STAMP, encoding="utf-8") as file:
            return json.load(file) if os.path.exists(in_environment("python")) else {}
    except (OSError, ValueError):
        return {}


def set_up():
    "Make `.venv` fit the lock. The stamp is written last: no stamp, no trust."
    wanted = fingerprints()
    if read_stamp() == wanted:
        return
    with one_at_a_time() as held:
        stamp = read_stamp()
        if stamp == wanted:  # another make was faster
            return
        started = time.time()
        changed = [name for name in wanted if stamp.get(name) != wanted[name]]
        if stamp:
            say("{} has changed: installing again".format(changed[0]))
        os.makedirs(os.path.dirname(LOG), exist_ok=True)
        open(LOG, "w").close()
        try:
            with contextlib.suppress(OSError):
                os.remove(STAMP)
            if changed != ["settings.ini or setup.py"]:
                install_packages(held)
            itself = installer(find_uv()) + ["--no-deps", "--no-build-isolation", "-e", ROOT]
            run_step("mlprod itself", itself, held, environment_for("setup"))
            run_step("matplotlib's list of fonts", python("-c", FIND_FONTS), held)
            with open(STAMP, "w", encoding="utf-8") as file:
                json.dump(wanted, file, indent=1)
        except BaseException:
            remove_environment()  # gives the disk back, and leaves nothing half made
            raise
        say("set-up done in {:.0f} s".format(time.time() - started))


def install_packages(held):
    "A fresh `.venv` with what the lock names, by uv; where uv cannot do it, by pip."
    with open(LOCK, encoding="utf-8") as file:
        pins = file.read()
    title = "the {} locked packages with ".format(len(re.findall(r"^\S+==", pins, re.M)))
    # --only-binary: where there is no wheel, say so at once instead of compiling for an hour.
    options = ["--only-binary", ":all:", "--no-deps", "--require-hashes", "-r"]
    remove_environment()
    uv = find_uv()
    make_environment(held, with_pip=not uv)
    environment = environment_for("setup")
    try:
        if not uv:  # the lock pins uv too: pip installs that one, uv then all the others
            alone = os.path.join(ENVIRONMENT, "uv.txt")
            with open(alone, "w", encoding="utf-8") as file:
                file.writelines(re.findall(r"^uv==.*(?:\n .*)*", pins, re.M))
            command = installer(None) + ["--retries", "1"] + options + [alone]
            run_step("uv", command, held, environment)
            uv = in_environment("uv")
        run_step(title + "uv", installer(uv) + options + [LOCK], held, environment)
    except Problem as problem:
        say("{}; trying without uv, which takes longer".format(problem))
        make_environment(held, with_pip=True)
        run_step(title + "pip", installer(None) + options + [LOCK], held, environment)


def make_environment(held, with_pip):
    remove_environment()
    command = [base_python(), "-m", "venv", ENVIRONMENT]
    run_step("a fresh .venv", command + ([] if with_pip else ["--without-pip"]), held)


def remove_environment():
    if os.path.islink(ENVIRONMENT):
        os.remove(ENVIRONMENT)
    elif os.path.exists(ENVIRONMENT):
        shutil.rmtree(ENVIRONMENT)


def find_uv():
    "The path of a uv that works, yours or `.venv`'s; or nothing."
    for uv in (shutil.which("uv"), in_environment("uv")):
        with contextlib.suppress(OSError):
            if uv and subprocess.run([uv, "--version"], capture_output=True).returncode == 0:
                return uv
    return None


def installer(uv):
    "The command that installs into `.venv`; byte code is left to the first use."
    if uv:
        return [uv, "pip", "install", "--python", in_environment("python")]
    return python("-m", "pip", "install", "--no-input", "--no-compile", "--progress-bar=off",
                  "--disable-pip-version-check", "--no-warn-script-location")  # fmt: skip


# matplotlib announces the making of this list: that would land in a lesson's output.
FIND_FONTS = (
    "import importlib, importlib.util as util\n"
    "util.find_spec('matplotlib') and importlib.import_module('matplotlib.font_manager')"
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


def run_step(title, command, held, environment=None):
    "Run an installer: seconds on the screen, its output in the log, a failure in one line."
    # A group of its own, to be stopped as a whole. It holds the lock too: where this process is
    # killed, the next make waits until the installer has ended.
    group = {} if os.name == "nt" else {"start_new_session": True, "pass_fds": [held]}
    started = time.time()
    print("set-up: {} ...".format(title), end=" ", flush=True)
    with open(LOG, "a+b") as log:
        log.write("$ {}\n".format(" ".join(command)).encode("utf-8", "replace"))
        log.flush()
        begin = log.tell()
        try:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment or environment_for("run"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **group
            )  # fmt: skip
        except OSError as error:
            raise Problem("cannot start {}: {}".format(command[0], error.strerror))
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)
                if sys.stdout.isatty():
                    seconds = "{:.0f} s".format(time.time() - started)
                    print(seconds, end="\b" * len(seconds), flush=True)
        finally:
            if process.poll() is None:
                process.kill() if os.name == "nt" else os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            print("{:.0f} s".format(time.time() - started), flush=True)
        log.seek(begin)
        output = log.read().decode("utf-8", "replace")
    if process.returncode:
        raise Problem("{} (details: {})".format(explain(output), os.path.relpath(LOG, ROOT)))


# Read from top to bottom: a full disk also breaks downloads, a dead network also hides packages.
REASONS = [
    (r"No space left on device|(os error|Errno) (28|112|122)\b|not enough space on the disk"
     r"|[Dd]isk quota exceeded",
     "the disk is full: set-up needs 2 GB in {root} and 1 GB in {temporary}: make room, "
     "then run again"),
    (r"ensurepip is not available|No module named '?(venv|ensurepip)\b",
     "this Python comes without venv: install it (Debian, Ubuntu: "
     "sudo apt install python{version}-venv), then run again"),
    (r"DO NOT MATCH THE HASHES|Hash mismatch for",
     "a package is not the one that requirements.lock names: if a mirror or proxy changes "
     "packages, use https://pypi.org/simple; if not, do not install and tell the maintainers"),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError|invalid peer certificate|UnknownIssuer",
     "the package index's certificate is not trusted: behind a company proxy, set SSL_CERT_FILE "
     "to its certificate, then run again"),
    (r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|Connection refused"
     r"|Connection reset|Temporary failure in name resolution|getaddrinfo failed"
     r"|nodename nor servname|Name or service not known|Network is unreachable"
     r"|error sending request|client error \(Connect\)|dns error|tcp connect error"
     r"|operation timed out|Failed to fetch|RemoteDisconnected|IncompleteRead",
     "the package index cannot be reached: check the network (or proxy, or PIP_INDEX_URL), "
     "then run again"),
    (r"No matching distribution found|No solution found|has no usable wheels"
     r"|no wheels with a matching",
     "the package index has no fitting package for Python {version} on this system: check "
     "PIP_INDEX_URL, or try another Python: make run PYTHON=python3.12"),
    (r"Permission denied|Access is denied|Read-only file system|being used by another process"
     r"|(os error|Errno|WinError) (5|13|30|32)\b",
     "no right to write in {root}: check who owns it, close the programs that use it, then run "
     "again"),
]  # fmt: skip


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
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "set-up failed: {}".format(lines[-1] if lines else "no reason was given")


# ---- Verbs -------------------------------------------------------------------------------------


def python(*arguments):
    return [in_environment("python")] + list(arguments)


def call(command, verb, **options):
    "Run a program to its end and give its exit status."
    process = subprocess.Popen(command, env=environment_for(verb), **options)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reached the program too: let it close down in its own time
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def hand_over(command, verb):
    "Become the program, so that signals and exit status are its own; Windows can only call it."
    os.chdir(ROOT)
    if os.name == "nt":
        return call(command, verb)
    sys.stdout.flush()
    return os.execve(command[0], command, environment_for(verb))


def open_lab(arguments):
    "Open the course as .jupyter/ says; where there is no screen, say the address and no more."
    options = ["--ServerApp.root_dir=" + ROOT]  # whatever this machine's configuration says
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        options.append("--no-browser")
    if os.name != "nt":
        # A login shell, JupyterLab's own choice, would take the programs of .venv off the path.
        options.append("--ServerApp.terminado_settings={'shell_command': ['bash']}")
        if os.geteuid() == 0 and "--allow-root" not in arguments:
            say("you are root, and JupyterLab wants that confirmed: make lab ARGS=--allow-root")
    return hand_over(python("-m", "jupyterlab", *(options + arguments)), "lab")


def lock(arguments):
    "Resolve settings.ini's requirements for every Python and system at once, with hashes."
    uv = find_uv()
    if not uv:
        raise Problem("lock needs uv: `make setup` brings it")
    import configparser  # Python 2 has none, and must get as far as its own message

    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(os.path.join(ROOT, "settings.ini"), encoding="utf-8")
    settings = parser["DEFAULT"]
    with tempfile.TemporaryDirectory() as folder:
        # In a folder of its own, so that no path of this machine gets into the lock.
        with open(os.path.join(folder, "requirements.in"), "w", encoding="utf-8") as file:
            for name in ("requirements", "dev_requirements", "nbgrader_requirements"):
                file.write(settings[name] + "\n")
        with open(os.path.join(folder, "app.in"), "w", encoding="utf-8") as file:
            file.write(settings["app_requirements"])
        new = os.path.join(folder, "requirements.lock")
        if os.path.exists(LOCK):
            shutil.copy(LOCK, new)  # what is pinned stays, unless --upgrade asks for newer
        compile = [
            uv, "pip", "compile", "--universal", "--python-version", settings["min_python"],
            "--fork-strategy", "fewest",  # one version for every Python: the same outputs on all
            "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
            "--no-emit-find-links", "--quiet",
            # jsonschema does without, and every import of nbformat would spend a second on it.
            "--no-emit-package", "rfc3987-syntax", "--no-emit-package", "lark",
        ]  # fmt: skip
        ours = ["requirements.in", "-o", "requirements.lock"] + arguments
        apps = ["app.in", "-o", "app.txt", "-c", "requirements.lock"]  # the same versions
        if call(compile + ours, "lock", cwd=folder):
            return 1
        shutil.copy(new, os.path.join(folder, "app.txt"))  # the same hashes, too
        if call(compile + apps, "lock", cwd=folder):
            return 1
        with open(new, encoding="utf-8") as file:
            pins = file.read()
        with open(os.path.join(folder, "app.txt"), encoding="utf-8") as file:
            app_pins = file.read()
    with open(LOCK, "w", encoding="utf-8", newline="\n") as file:
        versions = settings["python_versions"].replace(" ", ", ")
        file.write("# Written by `make lock` from settings.ini, for Python {}.\n".format(versions))
        file.write(pins)
    with open(APP_LOCK, "w", encoding="utf-8", newline="\n") as file:
        file.write("# What the app runs on, and what that needs in turn: from requirements.lock, ")
        file.write("by `make lock`.\n" + app_pins)
    say("requirements.lock: {} pins".format(len(re.findall(r"^\S+==", pins, re.M))))
    return 0


def perform(verb, arguments):
    "Set up, then do what the verb says; gives the exit status."
    if verb == "lock":
        return lock(arguments)
    set_up()
    if verb == "setup":
        return 0
    if verb == "lab":
        return open_lab(arguments)
    if verb in ("test", "check"):
        return hand_over(python(os.path.join("tests", "suite.py"), verb, *arguments), verb)
    # run, serve and lessons are the tool's own words. Scripts fail in folders with odd names.
    return hand_over(python("-m", "mlprod.cli", verb, *arguments), verb)


def say(text):
    print("make: " + text, flush=True)


def main():
    verb, arguments = (sys.argv[1:2] or ["help"])[0], sys.argv[2:]
    try:
        if verb in ("-h", "--help", "help"):
            print("usage: make VERB [ARGS=...]   or, the same everywhere: python3 make.py VERB ...")
            print("".join("\n  {:<8} {}".format(*item) for item in VERBS.items()))
            return 0
        if verb not in VERBS:
            near = difflib.get_close_matches(verb, VERBS, 1)
            hint = "did you mean {}?".format(near[0]) if near else "expected one of the verbs"
            raise Problem("{}: {} ({})".format(verb, hint, ", ".join(VERBS)))
        leave_old_python()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return perform(verb, arguments)
    except KeyboardInterrupt:
        return 130
    except Problem as problem:
        reason = str(problem)
    except OSError as error:
        reason = explain(str(error))
        if reason.startswith("set-up failed"):  # nothing known
            raise
    print("make.py: " + reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
