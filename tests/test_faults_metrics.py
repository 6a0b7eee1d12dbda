"""Metrics: several processes add up, and none of them dies where there is no room to count."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from make_artifacts import fetch, serving

from mlprod.app.model import load_artifact, read_pointer
from mlprod.generate import generate_app

FORK = """
import os, resource, shutil, signal, sys
from mlprod.app.metrics import *
from mlprod.app.rows import Problem

count_lost(1)
child = os.fork()
if child == 0:
    signal.alarm(20)
    {trouble}
    count_request("a", "GET", "/livez", 200, 0.001)
    count_rows([])
    count_rejected([Problem(1, "a", "b", "type")])
    count_lost(1)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(*[line for line in write_metrics("v1").decode().splitlines() if "lost_total " in line][-1:])
"""
TROUBLES = {
    "none": ("pass", 2),
    "no room": ("resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))", 1),
    "no folder": ("shutil.rmtree(os.environ['PROMETHEUS_MULTIPROC_DIR'])", 1),
}


@pytest.mark.skipif(sys.platform != "linux", reason="files are reserved on Linux only")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_worker_without_room_counts_nothing_and_lives(trouble, tmp_path, root):
    "The others count on, and the page shows what they have counted."
    code, lost = TROUBLES[trouble]
    done = subprocess.run(
        [sys.executable, "-c", FORK.format(trouble=code)],
        capture_output=True, text=True, cwd=root, timeout=60,
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.split() == ["7", "app_log_lost_total", f"{lost}.0"], done.stderr


@contextmanager
def small_disk(place, size="4m"):
    "A disk of a few MB; needs root, on Linux."
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)])
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path):
    "Write until not one byte more fits."
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for size in (2**16, 2**12, 1):
            try:
                while True:
                    os.write(file, b"x" * size)
            except OSError:
                continue
    finally:
        os.close(file)


def children(process):
    "The ids of a process's children."
    path = f"/proc/{process.pid}/task/{process.pid}/children"
    with open(path, encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs root, to mount a small disk"
)
def test_a_full_temporary_folder_does_not_end_the_service(tmp_path, root):
    "Workers that start while it is full predict without counting; with room again they count."
    app = generate_app(root / "app" / "artifacts", tmp_path / "app")
    artifact = load_artifact(app / "artifacts" / read_pointer(app / "artifacts"))
    body = json.dumps(artifact.example).encode()

    def ask():
        "Predict twenty times; the rows that are counted then."
        for _ in range(20):
            assert fetch(f"{address}/predict", body, Content_Type="application/json")[0] == 200
        status, _, page = fetch(f"{address}/metrics")
        assert status == 200
        (line,) = [x for x in page.decode().splitlines() if x.startswith("app_rows_total ")]
        return float(line.split()[1])

    def replace_workers():
        "Kill both workers, and wait until two others answer."
        before = children(address.process)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        until = time.monotonic() + 30
        while (
            len(set(children(address.process)) - set(before)) < 2
            or not fetch(f"{address}/livez")[0]
        ):
            assert time.monotonic() < until and address.process.poll() is None
            time.sleep(0.05)

    with small_disk(tmp_path / "small") as small:
        settings = {"TMPDIR": str(small), "PREDICTION_LOG": str(small / "log.sqlite")}
        with serving(app, WORKERS="2", **settings) as address:
            assert ask() == 20
            fill(small / "fill")
            assert ask() >= 20
            replace_workers()
            counted = ask()
            replace_workers()
            assert ask() == counted
            assert "No space left on device: this process counts nothing" in address.read_output()
            (small / "fill").unlink()
            replace_workers()
            assert ask() > counted
