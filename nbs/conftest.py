"""Let nbval compare every output of the lessons.

nbdev keeps execution counts out of the notebooks, so that diffs show what somebody changed. nbval
takes a cell without a count for one that was never run: it would refuse its outputs, and would not
notice where a silent cell starts to print.
"""

import sys

# nbformat brings jsonschema, which would spend a second on a grammar of addresses that nobody asks.
sys.modules.setdefault("rfc3987_syntax", None)


def pytest_collection_modifyitems(items):
    for item in items:
        cell = getattr(item, "cell", None)  # only nbval's tests have one
        if cell is not None and cell.execution_count is None:
            cell.execution_count = 1
