"""Start kernels in no time: fork each from one process that has imported what lessons import.

It imports and nothing else, so that a kernel finds no state: neither a module of ours nor a thread
of a model's. Elsewhere than on Linux, where a fork is not to be trusted, kernels start as ever.
"""

import atexit
import ctypes
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from functools import cache
from importlib import import_module

HEAVY = """
flask ipykernel.kernelapp matplotlib.pyplot mistune msgspec nbclient onnxruntime pandas
prometheus_client psycopg pyarrow.compute pyarrow.csv pyarrow.parquet pydantic.fields
pydantic.functional_serializers pydantic.functional_validators pydantic.main pydantic.types
ruamel.yaml skl2onnx sklearn.compose sklearn.ensemble sklearn.inspection sklearn.linear_model
sklearn.model_selection sklearn.pipeline sklearn.preprocessing sklearn.tree sqlite3
""".split()  # noqa: SIM905


class Forked:
    "A kernel's process, as jupyter_client expects one of subprocess.Popen."

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid, self.returncode = pid, None

    def send_signal(self, number: int) -> None:
        "Nothing happens where it has ended."
        if self.poll() is None:
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        "The exit status once the process has ended."
        if self.returncode is None:
            self.returncode = ask(self.pid)
        return self.returncode

    wait = poll  # called after poll() has found the end


LOCK = threading.Lock()  # notebooks may run side by side


@cache
def start_parent() -> subprocess.Popen:
    "Start the process that kernels are forked from."
    command = [sys.executable, __file__]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(parent.communicate)  # it ends where its input ends
    return parent


def ask(request: object) -> object:
    "Send a line to that process, and read its answer."
    with LOCK:
        parent = start_parent()
        print(json.dumps(request), file=parent.stdin, flush=True)
        return json.loads(parent.stdout.readline())


def launch_kernel(cmd: list[str], cwd: str, env: dict[str, str], **_: object) -> Forked:
    "Start a kernel, in the place of jupyter_client's function of this name."
    return Forked(ask([cmd[cmd.index("-f") :], cwd, env]))


def fork_kernels() -> None:
    "Fork a kernel for each line with its options; for one with its number, say how it ended."
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # both are read at import
    sys.modules["debugpy"] = None  # a quarter of what is left of a start
    del sys.path[0]  # this folder
    for name in HEAVY:
        import_module(name)
    sys.modules["pandas"].set_option("display.max_columns", 20)  # what it is in a kernel
    for line in sys.stdin:
        request = json.loads(line)
        if isinstance(request, int):
            number, status = os.waitpid(request, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if number else None
            print(json.dumps(answer), flush=True)
        elif not os.fork():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the parent
            os.setsid()
            print(os.getpid(), flush=True)
            become_kernel(*request)
            return


def become_kernel(options: list[str], cwd: str, env: dict[str, str]) -> None:
    "Be what mlprod.system.launch_kernel would be in that folder with that environment."
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["ipykernel_launcher", *options]
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    fork_kernels()
