"""Let nbval compare every output of the lessons.

nbdev keeps execution counts out of the notebooks, so that diffs show what somebody changed. nbval
takes a cell without a count for one that was never run: it would refuse its outputs, and would not
notice where a silent cell starts to print.

The kernels that nbval starts see what those of `mlprod run` see, and nothing else. A process that
compares many lessons forks them: tests/kernels.py.
"""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from jupyter_client.provisioning import local_provisioner

from mlprod.system import child_environment

holder = tempfile.TemporaryDirectory()  # IPython's settings: none; it goes away with this process
chosen = child_environment(IPYTHONDIR=holder.name)
for name in set(os.environ) - set(chosen):
    if not name.startswith("PYTEST"):
        del os.environ[name]
os.environ.update(chosen)


def pytest_configure(config):
    if hasattr(config, "workerinput") and sys.platform.startswith("linux"):
        sys.path.append(str(Path(__file__).parent.parent / "tests"))
        from kernels import launch_kernel

        local_provisioner.launch_kernel = launch_kernel


def pytest_collection_modifyitems(items):
    for item in items:
        cell = getattr(item, "cell", None)  # only nbval's tests have one
        if cell is not None:
            cell.execution_count = cell.execution_count or 1
            item.add_marker(pytest.mark.filterwarnings("ignore"))  # nbval's own, not the cell's
