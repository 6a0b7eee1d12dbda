"""What every test shares. Warnings are errors: pyproject.toml says so."""

import signal
from pathlib import Path

import pytest

# A job in a script's background ignores these two, and the programs that we start would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGQUIT"):  # not on Windows
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def root() -> Path:
    "The repository's folder."
    return Path(__file__).parent.parent
