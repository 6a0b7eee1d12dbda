"""What every test shares. Warnings are errors: pyproject.toml says so."""

import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for a job in a script's background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the programs we start inherit it


@pytest.fixture(scope="session")
def root() -> Path:
    "The repository's folder."
    return Path(__file__).parent.parent
