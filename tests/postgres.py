"""A real PostgreSQL server for tests, where the machine has one."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path

import pytest

NUMBERS = count(1)


def find_program(name):
    "The path of one of PostgreSQL's programs, or None; Debian keeps them off the path."
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(found[-1]) if found else None)


def why_none():
    "Why there is no server on this machine; nothing where there is."
    if not find_program("initdb"):
        return "needs PostgreSQL 15 or newer: apt-get install postgresql"
    if os.name == "nt":
        return "needs a server that a test can start, as Unix has them"
    if os.geteuid() == 0 and not shutil.which("runuser"):
        return "needs runuser: PostgreSQL does not run as root"
    return ""


class Server:
    "A server in a temporary folder, at a port of its own; text is sorted as in English."

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="postgres-")
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        locale = ["--locale", "C", "--locale-provider", "icu", "--icu-locale", "en-US"]
        self.run("initdb", "-U", "app", "-A", "trust", "-E", "UTF8", "--no-sync", *locale)
        self.start()

    def run(self, name, *options):
        "Run one of PostgreSQL's programs on our folder."
        command = [*self.user, find_program(name), "-D", f"{self.folder}/data", *options]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        "Start, and wait until it answers."
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-w", "-l", f"{self.folder}/lines", "-o", options, "start")

    def stop(self):
        "Stop at once, whoever is connected."
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def runs(self):
        "Whether it has been started."
        return Path(self.folder, "data", "postmaster.pid").exists()

    @contextmanager
    def standing_still(self):
        "Stop all of its processes where they are, and let them go on."
        (first, *_) = Path(self.folder, "data", "postmaster.pid").read_text().split()
        lines = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True).stdout
        pairs = [line.split() for line in lines.splitlines()]
        processes = [int(first), *(int(pid) for pid, parent in pairs if parent == first)]
        try:
            for process in processes:
                with suppress(ProcessLookupError):  # it has ended since
                    os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def new_database(self):
        "Make an empty database, and return its address."
        import psycopg

        name = f"log{next(NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)

    def url(self, name):
        "The address of a database."
        return f"postgresql://app@127.0.0.1:{self.port}/{name}"

    def close(self):
        "Stop, and leave nothing behind."
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def start_server():
    "The server of this process, started when it is first needed."
    server = Server()
    atexit.register(server.close)
    return server


def need_server():
    "The server of this process; skips the test where there can be none."
    if why := why_none():
        pytest.skip(why)
    pytest.importorskip("psycopg", reason="needs psycopg: pip install mlprod[sql]")
    return start_server()
