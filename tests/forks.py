"""Run pytest in several processes, forked from one that has imported and collected everything.

python tests/forks.py --forks 3 -q tests

On Linux alone, where a fork is to be trusted. A process takes file by file, in pytest's order.
"""

import gc
import multiprocessing
import os
import sys
from collections.abc import Iterator
from itertools import chain, groupby, pairwise
from multiprocessing.connection import Connection, wait

import kernels
import pytest

FORK = multiprocessing.get_context("fork") if sys.platform.startswith("linux") else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forks", type=int, help="number of processes")


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    "Share out the tests; where they cannot be collected, pytest itself says so."
    if session.testsfailed or session.config.option.collectonly:
        return None
    files = [list(items) for _, items in groupby(session.items, lambda item: item.path)]
    places, end = os.pipe()  # of the files that nobody has taken
    os.write(end, b"".join(place.to_bytes(2) for place in range(len(files))))
    os.close(end)
    gc.freeze()  # the processes share what is there
    missing, workers = {item.nodeid: item for item in session.items}, {}
    try:
        for _ in range(session.config.option.forks):
            receiver, sender = FORK.Pipe(duplex=False)
            workers[receiver] = FORK.Process(target=work, args=(session, files, places, sender))
            workers[receiver].start()
            sender.close()
        for report in receive(session.config, [*workers]):
            session.config.hook.pytest_runtest_logreport(report=report)
            if report.when == "teardown":
                del missing[report.nodeid]
    finally:
        for process in workers.values():
            process.join()
    for path, (item, *more) in groupby(missing.values(), lambda item: item.path):
        lines = f"{path.name}: its process has died, here or in one of {len(more)} tests below"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", lines, "call")
        session.config.hook.pytest_runtest_logreport(report=report)
    return True


def receive(config: pytest.Config, receivers: list[Connection]) -> Iterator[pytest.TestReport]:
    "The reports of all processes, as they come."
    while receivers:
        for receiver in wait(receivers):
            try:
                data = receiver.recv()
            except EOFError:
                receivers.remove(receiver)
                continue
            yield config.hook.pytest_report_from_serializable(config=config, data=data)


def work(session: pytest.Session, files: list, places: int, sender: Connection) -> None:
    "Run file after file, until all are taken."
    config = session.config
    capture = config.pluginmanager.getplugin("capturemanager")
    # Its files are everybody's, so others are opened; they stay, for functions that hold them.
    _held, capture._global_capturing = capture._global_capturing, None
    capture.start_global_capturing()
    writer = config.get_terminal_writer()  # what explains a failed assertion asks for its colours
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(Sender(config, sender, writer), "terminalreporter")
    try:
        for item, following in pairwise(chain(take(files, places), [None])):
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    except KeyboardInterrupt:  # the first process says so
        session._setupstate.teardown_exact(None)


def take(files: list, places: int) -> Iterator[pytest.Item]:
    "The tests of each file that this process takes."
    while place := os.read(places, 2):
        yield from files[int.from_bytes(place)]


class Sender:
    "The plugin of a process: sends each report to the first one."

    def __init__(self, config: pytest.Config, sender: Connection, writer: object):
        self.config, self.sender, self._tw = config, sender, writer

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.sender.send(data)


if __name__ == "__main__":
    kernels.start_parent()  # it imports while pytest collects
    sys.exit(pytest.main(sys.argv[1:], plugins=[sys.modules[__name__]]))
