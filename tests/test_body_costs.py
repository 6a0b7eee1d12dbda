"""Whatever a body holds, it costs a worker little: in memory, and in CPU beside right rows."""

import contextlib
import json
import os
import re
import socket
import sys
from pathlib import Path

import pytest
from make_artifacts import fetch, make_artifact, serving

from mlprod.generate import generate_app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures through /proc")
JSON, FLASK = "application/json", "application/json; charset=utf-8"  # the front's way, Flask's way
FORM = "application/x-www-form-urlencoded"
FLIGHT = {
    "departs_at": "2013-07-05T18:30:00-04:00",
    "origin": "EWR",
    "carrier": "EV",
    "distance": 719,
}
BODY = json.dumps(FLIGHT, separators=(",", ":")).encode()
LIMIT = 4_000_000  # bytes of a body, unless MAX_BODY_MB says otherwise
TIMES = 20  # what as many bytes of right rows cost: a slow or busy machine is slow for both
MEGABYTES = 100


def fill(start, piece, end, size=LIMIT):
    "Repeat a piece between a start and an end, up to a number of bytes."
    return start + piece * ((size - len(start) - len(end)) // len(piece)) + end


def name_many(start, end, size=LIMIT):
    "Names, each of them once, in an object."
    pairs, length = [], len(start) + len(end)
    while length < size - 20:
        pairs.append(b'"%x":1' % len(pairs))
        length += len(pairs[-1]) + 1
    return start + b",".join(pairs) + end


def put(value):
    "A row with a value for its number."
    return BODY.replace(b"719", value)


def nest(start, end, size=LIMIT - 200):
    "An opening that is repeated, and as many closings."
    times = size // (len(start) + len(end))
    return start * times + end * times


COLUMNS = json.dumps({"columns": list(FLIGHT), "data": []})[:-2].encode()
VALUES = json.dumps(list(FLIGHT.values())).encode()
FEBRUARY = BODY.replace(b"07-05", b"02-30")
ROWS = {  # made when they are sent: together they are 200 MB
    "opening brackets": lambda: b"[" * LIMIT,
    "lists in lists": lambda: nest(b"[", b"]"),
    "objects in objects": lambda: nest(b'{"a":', b"}"),
    "lists beside lists": lambda: fill(b"[", b"[],", b"[]]"),
    "objects beside objects": lambda: fill(b"[", b"{},", b"{}]"),
    "as many empty objects as are allowed": lambda: b"[" + b"{}," * 49_999 + b"{}]",
    "as many empty lists as are allowed": lambda: b"[" + b"[]," * 49_999 + b"[]]",
    "nested as deep as is allowed": lambda: put(nest(b"[", b"]", 90_000)),
    "a row of names": lambda: name_many(b"{", b"}"),
    "a right row and names": lambda: name_many(BODY[:-1] + b",", b"}"),
    "a list with a row of names": lambda: name_many(b"[{", b"}]"),
    "instances that are names": lambda: name_many(b'{"instances":{', b"}}"),
    "a value that is names": lambda: put(name_many(b"{", b"}", LIMIT - 200)),
    "columns of many names": lambda: name_many(b'{"columns":[{', b'}],"data":[]}'),
    "columns without rows": lambda: fill(b'{"columns":["a"', b',"ab"', b'],"data":[[]]}'),
    "rows without columns": lambda: fill(b'{"columns":[],"data":[', b"[],", b"[]]}"),
    "one name given again and again": lambda: fill(b"{", b'"distance":1,', BODY[1:]),
    "a text": lambda: b'"' + b"x" * (LIMIT - 2) + b'"',
    "a text for a number": lambda: put(b'"' + b"x" * (LIMIT - 200) + b'"'),
    "a text for a category": lambda: BODY.replace(b"EWR", b"x" * (LIMIT - 200)),
    "digits for a moment": lambda: BODY.replace(b"2013-07-05T18:30:00-04:00", b"1" * (LIMIT - 200)),
    "escapes": lambda: put(fill(b'"', b"\\u00e9", b'"', LIMIT - 200)),
    "a text of emoji": lambda: put(fill(b'"', "😀".encode(), b'"', LIMIT - 200)),
    "digits": lambda: put(b"9" * (LIMIT - 200)),
    "digits behind the point": lambda: put(b"0." + b"9" * (LIMIT - 200)),
    "an exponent": lambda: put(b"1e" + b"9" * (LIMIT - 200)),
    "many large numbers": lambda: fill(b"[", b"9" * 400 + b",", b"1]"),
    "numbers": lambda: fill(b"[", b"1.5,", b"1]"),
    "texts": lambda: fill(b"[", b'"ab",', b"1]"),
    "nothing, many times": lambda: fill(b"[", b"null,", b"1]"),
    "numbers for a number": lambda: put(fill(b"[", b"1.5,", b"1]", LIMIT - 200)),
    "texts for a number": lambda: put(fill(b"[", b'"ab",', b"1]", LIMIT - 200)),
    "spaces": lambda: BODY + b" " * (LIMIT - len(BODY)),
    "right rows": lambda: fill(b"[", BODY + b",", BODY + b"]"),
    "wrong rows": lambda: fill(b"[", put(b'"x"') + b",", BODY + b"]"),
    "a wrong row at the end": lambda: fill(b"[", BODY + b",", put(b'"x"') + b"]"),
    "no such moment at the end": lambda: fill(b"[", BODY + b",", FEBRUARY + b"]"),
    "no such moments": lambda: fill(b"[", FEBRUARY + b",", BODY + b"]"),
    "unknown categories": lambda: fill(b"[", BODY.replace(b"EWR", b"ABC") + b",", BODY + b"]"),
    "rows of values": lambda: fill(
        COLUMNS, VALUES + b",", VALUES + b"]}", 49_000 * (len(VALUES) + 1)
    ),
    "short rows of values": lambda: fill(COLUMNS, b"[1],", b"[1]]}", 49_000 * 4),
    "bytes that are no text": lambda: b"\xff" * LIMIT,
    "zeros": lambda: b"\0" * LIMIT,
    "byte order marks": lambda: b"\xef\xbb\xbf" * (LIMIT // 3),
}
OTHERS = {
    "pairs": ("/", FORM, lambda: fill(b"", b"a=1&", b"")),
    "pairs, allowed": ("/", FORM, lambda: fill(b"", b"a=1&", b"", 100_000)),
    "names": ("/", FORM, lambda: b"&".join(b"%x=1" % number for number in range(14_000))),
    "percent signs": ("/", FORM, lambda: b"a=" + b"%" * (LIMIT - 2)),
    "percent signs, allowed": ("/", FORM, lambda: b"a=" + b"%" * 99_998),
    "bytes that are no text": ("/", FORM, lambda: b"a=" + b"%ff" * 33_000),
    "digits for a number": ("/", FORM, lambda: b"distance=" + b"9" * 99_000),
    "digits for a moment": ("/", FORM, lambda: b"departs_at=" + b"9" * 99_000),
    "labels": ("/feedback", JSON, lambda: fill(b"[", b'{"id":"a","label":"late"},', b"{}]")),
    "labels, allowed": (
        "/feedback",
        JSON,
        lambda: b"[" + b",".join(b'{"id":"%x","label":"late"}' % n for n in range(10_000)) + b"]",
    ),
    "an id": ("/feedback", JSON, lambda: b'{"id":"' + b"x" * (LIMIT - 50) + b'","label":"late"}'),
    "objects": ("/feedback", JSON, lambda: fill(b"[", b"{},", b"{}]")),
    "brackets": ("/feedback", JSON, lambda: b"[" * LIMIT),
    "names of a label": ("/feedback", JSON, lambda: name_many(b"{", b"}")),
    "a card's body": ("/card", "text/plain", lambda: b"x" * LIMIT),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    "A generated app that runs with one worker, and has answered each kind of request before."
    folder = tmp_path_factory.mktemp("costs")
    make_artifact("flights", folder / "artifacts")
    generate_app(folder / "artifacts", folder / "app")
    with serving(folder / "app", PREDICTION_LOG=str(folder / "log.sqlite")) as address:
        for place, kind, body in (
            ("/predict", JSON, BODY),
            ("/predict", FLASK, BODY),
            ("/", FORM, b""),
        ):
            fetch(address + place, body, Content_Type=kind)
        worker, times = find_worker(address), 5
        before = cpu_seconds(worker)
        for _ in range(times):
            fetch(address + "/predict", ROWS["right rows"](), Content_Type=JSON)
        address.right_rows_cost = max(0.05, (cpu_seconds(worker) - before) / times)
        yield address
        assert fetch(address + "/predict", BODY, Content_Type=JSON)[0] == 200
        assert "mistake of ours" not in address.read_output()


def find_worker(app):
    "The folder of /proc about the app's one worker."
    server = app.process.pid
    (worker,) = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return Path("/proc") / worker


def cpu_seconds(worker):
    "CPU time that a process has used, in seconds."
    fields = (worker / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(worker, what):
    "Memory of a process: VmRSS is what it uses now, VmHWM the most since the mark was reset."
    return int(re.search(rf"{what}:\s+(\d+)", (worker / "status").read_text())[1]) / 1024


@contextlib.contextmanager
def bounded(app):
    "Measure what happens inside, and compare with what it may cost."
    worker = find_worker(app)
    try:
        (worker / "clear_refs").write_text("5")  # the mark of VmHWM
    except OSError:
        pytest.skip("the system does not let us measure")
    seconds, before = cpu_seconds(worker), megabytes(worker, "VmRSS")
    yield
    seconds, most = cpu_seconds(worker) - seconds, megabytes(worker, "VmHWM") - before
    print(f"{seconds:.2f} CPU seconds ({seconds / app.right_rows_cost:.1f}), {most:.0f} MB")
    assert find_worker(app) == worker, "the worker has not been replaced"
    assert seconds <= TIMES * app.right_rows_cost and most <= MEGABYTES


@pytest.mark.parametrize("kind", [JSON, FLASK], ids=["front", "Flask"])
@pytest.mark.parametrize("make_body", ROWS.values(), ids=ROWS)
def test_rows_cost_little(app, make_body, kind):
    "Whatever is nested, repeated or long in them, and whoever answers."
    body = make_body()
    assert len(body) <= LIMIT
    with bounded(app):
        status, _, answer = fetch(app + "/predict", body, Content_Type=kind)
    assert status in (200, 400, 413, 422)
    assert status == 200 or len(answer) < 100_000


@pytest.mark.parametrize(("place", "kind", "make_body"), OTHERS.values(), ids=OTHERS)
def test_other_bodies_cost_little(app, place, kind, make_body):
    "The form's, those of feedback, and those that nobody asked for."
    body = make_body()
    assert len(body) <= LIMIT
    with bounded(app):
        status, _, _ = fetch(app + place, body, Content_Type=kind)
    assert status in (400, 404, 405, 413, 422)


@pytest.mark.parametrize("size", [1, 100, 2**16])
def test_a_body_without_an_end_costs_little(app, size):
    "In pieces, small ones too: it is read up to the limit, and then no more."
    head = "POST /predict HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n"
    piece, sent = b"%x\r\n%s\r\n" % (size, b" " * size), 0
    pieces = piece * (2**16 // len(piece) + 1)
    with bounded(app), socket.create_connection(("127.0.0.1", app.port), 30) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(OSError):  # refused, and closed
            while sent < 10 * LIMIT:
                connection.sendall(pieces)
                sent += len(pieces) // len(piece) * size
        with contextlib.suppress(OSError), connection.makefile("rb") as answer:
            assert b" 413 " in answer.readline()
    assert sent < 10 * LIMIT
