"""Let nbval compare every output of the lessons.

nbdev keeps execution counts out of the notebooks, so that diffs show what somebody changed. nbval
takes a cell without a count for one that was never run: it would refuse its outputs, and would not
notice where a silent cell starts to print.
"""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        cell = getattr(item, "cell", None)  # only nbval's tests have one
        if cell is not None:
            cell.execution_count = cell.execution_count or 1
            item.add_marker(pytest.mark.filterwarnings("ignore"))  # nbval's own, not the cell's
