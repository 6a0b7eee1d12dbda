"""Serve the app with `python serve.py`; DEPLOY.md lists what the environment can set."""

import gc
import logging
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from granian import Granian
from granian.http import HTTP1Settings

LINES = {  # of the log: JSON, for the server's own events as well
    "formatters": {"json": {"()": "metrics.JsonLine"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {"_granian": {"handlers": ["console"]}, "app": {"handlers": ["console"]}},
}
LEVELS = list(logging.getLevelNamesMapping())  # INFO: a line for each request


def read_number(name: str, default: int, most: int) -> int:  # most: the largest that is allowed
    "Read a whole number from an environment variable; empty is as good as not set."
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        sys.exit(f"{name}: expected a whole number from 1 to {most}, got {text!r}")
    return int(text)


def make_front():
    "Make the app in a worker; Ctrl-C reaches all processes, and the first one tells the others."
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    from app import create_app
    from front import Front

    return Front(create_app())


def probe(host: str, port: int) -> str:
    "Find the address of a host; end the program where another one listens at the port."
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as listener:  # the workers share the port, and others could, too
            if os.name != "nt":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        sys.exit(f"HOST {host}, PORT {port}: {error.strerror}; set another HOST or PORT")
    return address[0]


class Forgetful(dict):
    "Granian's record of restarted workers: it would end the service after two within 5.5 s."

    def __setitem__(self, worker: int, at: float) -> None:
        time.sleep(0.5)  # where workers cannot even start


def serve(host: str, port: int, workers: int) -> None:  # workers: processes, sharing the port
    "Serve the folder that this file lies in until told to stop; requests in flight are answered."
    server = Granian(
        "serve:make_front",
        factory=True,
        interface="rsgi",
        loop="asyncio",
        http="1",
        http1_settings=HTTP1Settings(header_read_timeout=20_000),
        address=probe(host, port),
        port=port,
        workers=workers,
        backlog=4096,
        backpressure=10_000,  # connections of a worker: one that is slow costs a few KB
        respawn_failed_workers=True,
        workers_kill_timeout=8,  # seconds to answer what is in flight
        working_dir=Path(__file__).resolve().parent,
        websockets=False,
        log_level="error",
        log_dictconfig=LINES,
    )
    server.respawned_wrks = Forgetful()
    if hasattr(os, "register_at_fork"):  # a worker that starts would inherit a handler of SIGTERM
        os.register_at_fork(after_in_child=partial(signal.signal, signal.SIGTERM, signal.SIG_DFL))
    print(f"serving on http://{host}:{port} (Ctrl-C stops it)", flush=True)
    server.serve()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["serve"]):  # SageMaker starts every image with `serve`
        sys.exit(f"expected no arguments, got {' '.join(sys.argv[1:])}")
    level = (os.environ.get("LOG_LEVEL") or "WARNING").upper()
    if level not in LEVELS:
        sys.exit(f"LOG_LEVEL: expected one of {', '.join(LEVELS)}, got {level}")
    LINES["loggers"]["app"]["level"] = level
    host = os.environ.get("HOST") or "127.0.0.1"
    port, workers = read_number("PORT", 8080, 65535), read_number("WORKERS", 2, 64)
    os.environ["MAX_BODY_MB"] = str(read_number("MAX_BODY_MB", 4, 64))
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores as it is
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would report to its maker
    with TemporaryDirectory(prefix="app-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # the workers add up there
        try:
            import front  # noqa: F401 (before there are workers: they share what is in memory)

            if url := os.environ.get("MLPROD_LOG_URL"):
                import postgres

                postgres.check_url(url)
        except ImportError as error:
            what = "'psycopg[binary]'" if error.name == "psycopg" else "-r requirements.txt"
            sys.exit(f"{error}; install what is needed: pip install {what}")
        except ValueError as error:
            sys.exit(str(error))
        gc.freeze()  # what is there now stays: no need to look through it again and again
        serve(host, port, workers)
