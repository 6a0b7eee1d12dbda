#!/usr/bin/env python3
"""Set up and run mlprod: `python3 make.py` lists the verbs; the Makefile calls this script.

The standard library alone, and syntax that even Python 2.7 reads: a Python that is too old must
still be able to say so in one line.
"""

from __future__ import print_function

import ast
import contextlib
import difflib
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
LOG = os.path.join(ROOT, "artifacts", "setup.log")
OLDEST = (3, 11)

VERBS = {
    "run": "train, package and check the model, write the app: the whole road",
    "serve": "start the app that `run` wrote, on http://127.0.0.1:8080",
    "lab": "open the course in JupyterLab",
    "lessons": "execute every lesson; the copies go to artifacts/lessons/",
    "site": "the portfolio as static pages, in artifacts/site/",
    "test": "everything: lessons, tests, check (or some of them: test tests check)",
    "check": "the quick gate: library, README and app match the notebooks; lint",
    "setup": "only make .venv with the locked packages; every verb above does it",
    "lock": "for maintainers: requirements.lock anew from settings.ini",
}


class Problem(Exception):
    "What is wrong and what to do about it, in one line."


def refuse_old_python():
    if sys.version_info < OLDEST:
        line = "Python {}.{} or newer is needed, this is {}.{}: install it from {}, then run: {}"
        rerun = "python3.13 make.py " + (" ".join(sys.argv[1:]) or "run")
        versions = OLDEST + sys.version_info[:2]
        raise Problem(line.format(*(versions + ("https://www.python.org/downloads/", rerun))))


def base_python():
    "The interpreter outside any environment: `.venv` itself may be the one that runs this."
    return getattr(sys, "_base_executable", None) or sys.executable


def in_environment(name):
    "The path of a program inside `.venv`."
    if os.name == "nt":
        return os.path.join(ENVIRONMENT, "Scripts", name + ".exe")
    return os.path.join(ENVIRONMENT, "bin", name)


def python(*arguments):
    "The command that runs `.venv`'s Python."
    return [in_environment("python")] + list(arguments)


# Chosen, not whatever is there: another project's PYTHONPATH or MPLBACKEND changes nothing.
KEPT = """
    PATH HOME* USER* LOGNAME SHELL TERM COLORTERM NO_COLOR LANG LANGUAGE LC_* TZ TMPDIR TEMP TMP CI
    LD_LIBRARY_PATH OMP_NUM_THREADS OPENBLAS_* SSH_AUTH_SOCK MLPROD_* APPDATA LOCALAPPDATA
    BROWSER DISPLAY WAYLAND_DISPLAY XAUTHORITY XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT PROGRAM* PROCESSOR_* NUMBER_OF_PROCESSORS
"""
KEPT_BY_SERVE = " HOST WORKERS LOG_LEVEL MAX_BODY_MB ORT_DISABLE_TELEMETRY"
KEPT_BY_INSTALLERS = """
    *_proxy *_PROXY SSL_CERT_FILE SSL_CERT_DIR SSL_CLIENT_CERT REQUESTS_CA_BUNDLE NETRC
    XDG_CACHE_HOME XDG_CONFIG_HOME UV_CACHE_DIR UV_NO_CACHE UV_LINK_MODE UV_*INDEX* UV_FIND_LINKS
    UV_OFFLINE UV_INSECURE_HOST UV_NATIVE_TLS UV_SYSTEM_CERTS UV_HTTP_TIMEOUT UV_KEYRING_PROVIDER
"""
# What counts of pip's configuration (where packages come from), and uv's name for it.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "no-index": "UV_NO_INDEX",
    "find-links": "UV_FIND_LINKS", "trusted-host": "UV_INSECURE_HOST", "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE", "client-cert": "SSL_CLIENT_CERT", "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}  # fmt: skip


def environment_for(verb):
    "What programs see: a chosen part of ours, and settings of `.venv`'s own instead of the user's."
    installing = verb in ("setup", "lock", "test")  # a test installs the app's own requirements
    patterns = (KEPT + KEPT_BY_INSTALLERS * installing + KEPT_BY_SERVE * (verb == "serve")).split()
    kept = [name for name in os.environ if any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    chosen = {name: os.environ[name] for name in kept}
    own, home = os.path.join(ENVIRONMENT, "home"), os.path.expanduser("~")
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
    # Any index may have a package, as for pip: the hash decides.
    settings = {"PIP_CONFIG_FILE": os.devnull, "UV_INDEX_STRATEGY": "unsafe-best-match"}
    listed = ""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        listed = subprocess.check_output(
            python("-I", "-m", "pip", "config", "list"), stderr=subprocess.DEVNULL,
            env=dict(os.environ, PIP_USER="0"),  # `user = true` would make pip list one file alone
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    for section in ("global", "install", ":env:"):  # the later one counts
        for name, value in re.findall("^" + section + r"\.([a-z-]+)=(.+)$", listed, re.M):
            if name in PIP_TO_UV:
                words = ast.literal_eval(value).split()
                settings["PIP_" + name.upper().replace("-", "_")] = " ".join(words)
                settings[PIP_TO_UV[name]] = ("," if name == "find-links" else " ").join(words)
    return settings


# ---- Set-up ------------------------------------------------------------------------------------


def fingerprints():
    "What the environment depends on: change one, and it no longer fits."
    # The folder is part of it: an environment that was moved does not work.
    found = {"Python": "{}.{} in {}".format(sys.version_info[0], sys.version_info[1], ROOT)}
    for name in ("requirements.lock", "settings.ini", "setup.py"):
        with open(os.path.join(ROOT, name), "rb") as file:
            found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


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
            if changed[0] in ("Python", "requirements.lock"):
                install_packages(held)
            itself = installer(find_uv()) + ["--no-deps", "--no-build-isolation", "-e", ROOT]
            run_step("mlprod itself", itself, held)
            # matplotlib announces that it makes this list: that would land in a lesson's output.
            fonts = "try: import matplotlib.font_manager\nexcept ImportError: pass"
            run_step("matplotlib's list of fonts", python("-c", fonts), held)
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
    run_step("a fresh .venv", [base_python(), "-m", "venv", ENVIRONMENT], held)
    try:
        if not find_uv():  # the lock pins uv too: pip installs that one, uv then all the others
            alone = os.path.join(ENVIRONMENT, "uv.txt")
            with open(alone, "w", encoding="utf-8") as file:
                file.writelines(re.findall(r"^uv==.*(?:\n .*)*", pins, re.M))
            run_step("uv", installer(None) + ["--retries", "1"] + options + [alone], held)
        uv = find_uv() or in_environment("uv")
        run_step(title + "uv", installer(uv) + options + [LOCK], held)
    except (Problem, OSError) as problem:
        say("{}; trying without uv, which takes longer".format(problem))
        run_step(title + "pip", installer(None) + options + [LOCK], held)


def remove_environment():
    if os.path.islink(ENVIRONMENT):
        os.remove(ENVIRONMENT)
    elif os.path.exists(ENVIRONMENT):
        shutil.rmtree(ENVIRONMENT)


def find_uv():
    "The path of a uv, yours or `.venv`'s; or nothing."
    return shutil.which("uv") or shutil.which(in_environment("uv"))


def installer(uv):
    "The command that installs into `.venv`; byte code is left to the first use."
    if uv:
        return [uv, "pip", "install", "--python", in_environment("python")]
    return python("-m", "pip", "install", "--no-compile", "--disable-pip-version-check")


@contextlib.contextmanager
def one_at_a_time():
    "Let one make set up while others wait; the system frees the lock when a process dies."
    with open(os.path.join(ROOT, ".venv.lock"), "a") as file:
        if not try_lock(file):
            say("another make is setting up: waiting for it")
            while not try_lock(file):
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
    except (BlockingIOError, PermissionError):  # as Unix and Windows call it
        return False
    return True


def run_step(title, command, held):
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
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment_for("setup"),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **group
        )  # fmt: skip
        try:
            process.wait()
        finally:
            if process.poll() is None:
                process.kill() if os.name == "nt" else os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            print("{:.0f} s".format(time.time() - started), flush=True)
        log.seek(begin)
        output = log.read().decode("utf-8", "replace")
    if process.returncode:
        raise Problem("{} (details: {})".format(explain(output), os.path.relpath(LOG, ROOT)))


# Read from top to bottom: a full disk breaks downloads, and a dead network hides packages.
REASONS = [
    (r"No space left|not enough space|[Dd]isk quota exceeded|os error (28|112|122)\b",
     "the disk is full: set-up needs 2 GB in {root} and 1 GB in {temporary}"),
    (r"ensurepip is not available|No module named '?(venv|ensurepip)\b",
     "this Python comes without venv (Debian, Ubuntu: sudo apt install python{version}-venv)"),
    (r"DO NOT MATCH THE HASHES|Hash mismatch for",
     "a package is not the one that requirements.lock names: use https://pypi.org/simple if a "
     "mirror changes packages, else tell the maintainers"),
    (r"[Cc]onnect|[Tt]imed out|Timeout|resolution|getaddrinfo|dns error|unreachable|Failed to fetch"
     r"|ProxyError|SSLError|CERTIFICATE",
     "the package index cannot be reached: check network, proxy, SSL_CERT_FILE, PIP_INDEX_URL"),
    (r"No matching distribution|No solution found|no( usable)? wheels",
     "the package index has no fitting package for Python {version} on this system: check "
     "PIP_INDEX_URL, or try another Python: make run PYTHON=python3.12"),
    (r"Permission denied|Access is denied|Read-only file system|used by another process",
     "no right to write in {root}: check who owns it, and close the programs that use it"),
]  # fmt: skip


def explain(output):
    "What an installer's output means, in one line."
    folders = {"root": ROOT, "temporary": tempfile.gettempdir()}
    # Python's venv keeps the reason to itself: look at the disk, which is still full.
    if min(shutil.disk_usage(folder).free for folder in folders.values()) < 20e6:
        output = "No space left"
    version = "{}.{}".format(*sys.version_info[:2])
    for pattern, reason in REASONS:
        if re.search(pattern, output):
            return reason.format(version=version, **folders)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "set-up failed: {}".format(lines[-1] if lines else "no reason was given")


# ---- Verbs -------------------------------------------------------------------------------------


def hand_over(command, verb):
    "Become the program, so that signals and exit status are its own; Windows can only call it."
    os.chdir(ROOT)
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment_for(verb))
    process = subprocess.Popen(command, env=environment_for(verb))
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reached the program too
            return process.wait()


def open_lab(arguments):
    "Open the course as .jupyter/ says; where there is no screen, say the address and no more."
    options = ["--ServerApp.root_dir=" + ROOT]  # whatever this machine's configuration says
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        options.append("--no-browser")
    if os.name != "nt":
        # A login shell, JupyterLab's own choice, would take the programs of .venv off the path.
        options.append("--ServerApp.terminado_settings={'shell_command': ['bash']}")
    return hand_over(python("-m", "jupyterlab", *(options + arguments)), "lab")


def perform(verb, arguments):
    "Set up, then do what the verb says; gives the exit status."
    if verb == "lock":  # without set-up, which would need what it makes
        return hand_over([base_python(), os.path.join("tests", "lock.py")] + arguments, verb)
    set_up()
    if verb == "setup":
        return 0
    if verb == "lab":
        return open_lab(arguments)
    if verb in ("test", "check"):
        return hand_over(python(os.path.join("tests", "suite.py"), verb, *arguments), verb)
    # run, serve, site and lessons are the tool's own words. Scripts fail in folders with odd names.
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
        refuse_old_python()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return perform(verb, arguments)
    except KeyboardInterrupt:
        return 130
    except Problem as problem:
        reason = str(problem)
    except OSError as error:
        reason = explain(str(error))
    print("make.py: " + reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
