"""Serve the app with `python serve.py`; DEPLOY.md lists what the environment can say."""

import gc
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from granian import Granian

LINES = {  # of the log: JSON, for the server's own events as well
    "formatters": {"json": {"()": "watch.JsonLine"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {"_granian": {"handlers": ["console"]}, "app": {"handlers": ["console"]}},
}
LEVELS = ("INFO", "WARNING", "ERROR")  # INFO: a line for each request


def read_number(default: int, *names: str) -> int:
    "Read a number from the first of these environment variables that is set."
    name = next((name for name in names if os.environ.get(name)), None)
    try:
        return int(os.environ[name]) if name else default
    except ValueError:
        sys.exit(f"{name}: expected a whole number, got {os.environ[name]!r}")


def make_app():
    "Make the app in a worker; Ctrl-C reaches all processes, and the first one tells the others."
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until the server listens to it itself
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    from app import create_app

    return create_app()


def serve(port: int, host: str, workers: int) -> None:
    "Serve the folder that this file lies in until told to stop; requests in flight are answered."
    print(f"serving on http://{host}:{port} (Ctrl-C stops it)", flush=True)
    Granian(
        "serve:make_app",
        factory=True,
        interface="wsgi",
        address=host,
        port=port,
        workers=workers,
        blocking_threads=256,  # one for each request that a slow client is still sending
        respawn_failed_workers=True,
        workers_kill_timeout=8,  # seconds to answer what is in flight
        working_dir=Path(__file__).resolve().parent,
        websockets=False,
        log_level="error",
        log_dictconfig=LINES,
    ).serve()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["serve"]):  # SageMaker starts every image with `serve`
        sys.exit(f"expected no arguments, got {' '.join(sys.argv[1:])}")
    level = os.environ.get("LOG_LEVEL", "WARNING").upper()
    if level not in LEVELS:
        sys.exit(f"LOG_LEVEL: expected one of {', '.join(LEVELS)}, got {level}")
    LINES["loggers"]["app"]["level"] = level
    port = read_number(8080, "PORT", "AIP_HTTP_PORT", "AWS_LWA_PORT")
    workers = read_number(2, "WORKERS")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores as it is
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would report to its maker
    with TemporaryDirectory(prefix="app-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)  # the workers add up there
        try:
            import app  # noqa: F401 (before there are workers: they share what is in memory)
        except ImportError as error:
            sys.exit(f"{error}; install what is needed: pip install -r requirements.txt")
        gc.freeze()  # what is there now stays: no need to look through it again and again
        serve(port, os.environ.get("HOST", "127.0.0.1"), workers)
