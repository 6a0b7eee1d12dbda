"""What one server does: time to its first answer, requests per second, memory; then stop it."""

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

POST = Path(__file__).with_name("post.lua")
POLL = 0.005  # seconds from one try to the next
PATIENCE = 90  # seconds for a server to start


class Invalid(Exception):
    "A server did not do what is measured; the message says what it did instead."


FAULTS = (Invalid, OSError, http.client.HTTPException)  # what a server can do to who asks it


@dataclass
class Server:
    "A running server and how to ask it."

    process: subprocess.Popen
    started: float  # time.perf_counter()
    port: int
    path: str
    log: Path
    tree: dict[int, str] = field(default_factory=dict)  # when each process started, by its number


def start_server(
    command: list[str], environment: dict, folder: Path, port: int, path: str, log: Path
) -> Server:
    "Start a server in a session of its own; raises Invalid when its port is taken."
    if is_open(port):
        raise Invalid(f"port {port}: expected it to be free, something listens there")
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    return Server(process, started, port, path, log)


def is_open(port: int) -> bool:
    "Say whether something listens."
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.connect()
    except OSError:
        return False
    connection.close()
    return True


def ask(server: Server, body: bytes, timeout: float = 60) -> tuple[int, bytes]:
    "Send one body; give the status and what came back."
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        connection.request("POST", server.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def await_answer(
    server: Server,
    body: bytes,
    is_right: Callable[[bytes], bool],  # whether an answer says what it should
) -> float:  # seconds from the start of the process
    "Ask until the first right answer; raises Invalid when none comes."
    last = "no answer"
    while time.perf_counter() - server.started < PATIENCE:
        tried = time.perf_counter()
        try:
            status, answer = ask(server, body)
            if status == 200:
                if is_right(answer):
                    return time.perf_counter() - server.started
                last = f"wrong answer {answer[:200]!r}"
            else:
                last = f"status {status}: {answer[:200]!r}"
        except (OSError, http.client.HTTPException):
            pass  # not there yet
        if server.process.poll() is not None:
            raise Invalid(f"ended with status {server.process.returncode}, {tail(server.log)}")
        time.sleep(max(0, tried + POLL - time.perf_counter()))
    raise Invalid(f"no right answer within {PATIENCE} s ({last}), {tail(server.log)}")


def tail(log: Path) -> str:
    "The last line that a server wrote."
    lines = log.read_text(errors="replace").split("\n")
    return f"{log}: " + next((line.strip() for line in reversed(lines) if line.strip()), "empty")


def drive(server: Server, bodies: Path, connections: int, seconds: float) -> dict:
    "Send as many requests as come through; raises Invalid when one is not answered with 2xx."
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s",
        "-s", POST, f"http://127.0.0.1:{server.port}{server.path}", "--", bodies,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        raise Invalid(f"wrk: {' '.join((done.stderr or done.stdout).split())[:200]}")
    said = json.loads(done.stdout.strip().split("\n")[-1])
    if said["not_2xx"] or said["broken"] or not said["requests"]:
        raise Invalid(
            f"{connections} connections: {said['not_2xx']} of {said['requests']} answers not 2xx, "
            f"{said['broken']} broken off; no figure"
        )
    return said | {"per_second": said["requests"] / said["seconds"]}


def time_body(server: Server, body: bytes, times: int, limit: float) -> tuple[float, int]:
    "Median seconds for one large body after one to warm up, and how often it was sent."
    seconds, begun = [], time.perf_counter()
    while len(seconds) < times + 1:
        started = time.perf_counter()
        status, answer = ask(server, body)
        seconds.append(time.perf_counter() - started)
        if status != 200:
            raise Invalid(f"{len(body):,} bytes: status {status}: {answer[:200]!r}")
        if len(seconds) > 2 and time.perf_counter() - begun > limit:
            break
    return statistics.median(seconds[1:]), len(seconds)


# ---- Processes ---------------------------------------------------------------------------------


def count_logged(path: Path) -> int:
    "How many predictions the app's log holds."
    with contextlib.closing(sqlite3.connect(path)) as log:
        return log.execute("select count(*) from predictions").fetchone()[0]


def list_tree(root: int) -> dict[int, str]:
    "A process and all that descend from it: when each started, by its number."
    parents, started = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(folder.name)
        parents[number], started[number] = int(fields[1]), fields[19]
    tree = {root} & started.keys()
    while grown := {child for child, parent in parents.items() if parent in tree} - tree:
        tree |= grown
    return {number: started[number] for number in tree}


def weigh(server: Server) -> dict:
    "Memory of all the server's processes in bytes: PSS shares out what they share, RSS does not."
    total, tree = {"Pss": 0, "Rss": 0}, list_tree(server.process.pid)
    for number in tree:
        try:
            lines = Path(f"/proc/{number}/smaps_rollup").read_text().split("\n")
        except OSError:
            continue
        for line in lines:
            name, _, rest = line.partition(":")
            if name in total:
                total[name] += int(rest.split()[0]) * 1024
    return {"pss": total["Pss"], "rss": total["Rss"], "processes": len(tree)}


def stop_server(server: Server) -> None:
    "End the server and every process that it started, asking first."
    tree = list_tree(server.process.pid)
    with_signal(server.process.pid, tree, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(8)
    end = time.monotonic() + 2
    while (left := alive(tree)) and time.monotonic() < end:
        time.sleep(0.02)
    for number in left:
        with_signal(number, tree, signal.SIGKILL)
    server.process.wait()
    end = time.monotonic() + 5
    while alive(tree) and time.monotonic() < end:
        time.sleep(0.02)


def alive(tree: dict[int, str]) -> list[int]:
    "Which of these processes still run (a number may have been given to another since)."
    left = []
    for number, started in tree.items():
        try:
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[19] == started and fields[0] != "Z":
            left.append(number)
    return left


def with_signal(number: int, tree: dict[int, str], kind: signal.Signals) -> None:
    "Send a signal to a process of ours that still runs."
    if number in alive(tree):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, kind)
