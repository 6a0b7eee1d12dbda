"""What every test shares. Warnings are errors: pyproject.toml says so."""

import os
import signal
from pathlib import Path

import pytest
from jupyter_client.provisioning import local_provisioner
from kernels import launch_kernel

# A job in a script's background ignores these two, and the programs that we start would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGQUIT"):  # not on Windows
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def root() -> Path:
    "The repository's folder."
    return Path(__file__).parent.parent


@pytest.fixture
def forked_kernels(monkeypatch) -> None:
    "Kernels that start in no time, where it does not matter how they end."
    if hasattr(os, "fork"):
        monkeypatch.setattr(local_provisioner, "launch_kernel", launch_kernel)
