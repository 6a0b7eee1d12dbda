"""Serve the app with `python serve.py`; PORT, HOST and WORKERS come from the environment."""

import os
import sys
from pathlib import Path

from granian import Granian


def serve(port: int, host: str, workers: int) -> None:
    "Serve the folder that this file lies in until told to stop; requests in flight are answered."
    print(f"serving on http://{host}:{port} (Ctrl-C stops it)", flush=True)
    Granian(
        "app:create_app",
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
    ).serve()


if __name__ == "__main__":
    try:
        port, workers = int(os.environ.get("PORT", 8080)), int(os.environ.get("WORKERS", 2))
    except ValueError:
        sys.exit("PORT and WORKERS: expected whole numbers")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores as it is
    import app  # noqa: F401 (what cannot be imported fails here, once, and not in each new worker)

    serve(port, os.environ.get("HOST", "127.0.0.1"), workers)
