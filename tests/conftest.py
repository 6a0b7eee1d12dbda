"""What every test shares. Warnings are errors: pyproject.toml says so."""

import signal
import sys
from pathlib import Path

import kernels
import pytest
from jupyter_client import launcher
from jupyter_client.provisioning import local_provisioner

# A job in a script's background ignores these two, and the programs that we start would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGQUIT"):  # not on Windows
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def root() -> Path:
    "The repository's folder."
    return Path(__file__).parent.parent


@pytest.fixture(scope="module")
def forked_kernels():
    "Kernels that start in no time, for a module that is about something else."
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform.startswith("linux"):
            patch.setattr(local_provisioner, "launch_kernel", kernels.launch_kernel)
        yield


@pytest.fixture
def fresh_kernels(monkeypatch):
    "Kernels as they start for a user, for a test that is about them."
    monkeypatch.setattr(local_provisioner, "launch_kernel", launcher.launch_kernel)
