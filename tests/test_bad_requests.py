"""Nothing that comes in is answered with a 5xx, and nothing is misread: a corpus over a socket."""

# ruff: noqa: E501 (a case of the corpus is a line)

import gzip
import json
import random
import re
import socket
import time
import zlib
from collections import Counter

import pytest
from make_artifacts import BROWSER, fetch, make_artifact, serving

from mlprod.generate import generate_app

JSON, FLASK = "application/json", "application/json; charset=utf-8"  # the front; and Flask
FLIGHT = {
    "departs_at": "2013-07-05T18:30:00-04:00",
    "origin": "EWR",
    "carrier": "EV",
    "distance": 719,
}
BODY = json.dumps(FLIGHT).encode()
NAMES, VALUES = list(FLIGHT), list(FLIGHT.values())
EVIL = "<script>alert(1)</script>"
LIMIT, MOST_ROWS = 4_000_000, 50_000
MARK = b"\xef\xbb\xbf"  # byte order mark


def swap(old, new, body=BODY):
    "The plain body with something else in one place."
    assert body.count(old) == 1, old
    return body.replace(old, new)


def dump(content):
    "Any content as JSON."
    return json.dumps(content).encode()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    "A generated app that runs; at the end it still answers, and its log shows no mistake of ours."
    folder = tmp_path_factory.mktemp("corpus")
    make_artifact("flights", folder / "artifacts")
    generate_app(folder / "artifacts", folder / "app")
    with serving(folder / "app", PREDICTION_LOG=str(folder / "log.sqlite")) as address:
        yield address
        assert fetch(f"{address}/predict", BODY, Content_Type=JSON)[0] == 200
        written = address.read_output()
        assert "Traceback" not in written and "mistake of ours" not in written
        assert EVIL not in written and "panicked" not in written


def talk(app, *parts, end=False):
    "Send bytes as they are; status, headers and body of the answer, status 0 for none. `end`: hang up."
    with socket.create_connection(("127.0.0.1", app.port), 20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before it was sent; the answer is there all the same
        answer, headers = connection.makefile("rb"), {}
        status = answer.readline().decode().split(" ")[1:2] or [0]
        for line in iter(answer.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
            if not line:
                break
        length = 0 if parts[0].startswith(b"HEAD") else int(headers.get("content-length", 0))
        return int(status[0]), headers, answer.read(length)


def send(app, method, path, body=b"", **headers):
    "Send a request as clients do."
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return talk(app, "\r\n".join([*lines, "", ""]).encode("latin-1"), body)


def count(app, name, labels=""):
    "What a metric counts, over all labels that contain a text."
    text = fetch(f"{app}/metrics")[2].decode()
    found = re.findall(rf"^{name}_total(?:{{.*{labels}.*}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def check_problem(answer, status, says):
    "A problem (RFC 9457) with this status, that names the cause and shows nothing that it should not."
    got, headers, body = answer
    assert got == status, (got, body[:500])
    assert headers["content-type"] == "application/problem+json"
    assert len(headers["x-request-id"]) > 10 and headers["x-content-type-options"] == "nosniff"
    problem = json.loads(body)
    assert problem["status"] == status and problem["type"] == "about:blank" and problem["title"]
    assert says in problem["detail"], problem["detail"]
    assert len(body) < 30_000 and not re.search(rb"[\x00-\x1f\x7f-\xff]", body)
    for inside in (b"Traceback", b'File "', b"site-packages", b"/tmp", b"mlprod", b"Error("):
        assert inside not in body
    return problem


ROWS = [  # what, status, what the answer says, body
    ("nothing", 400, "expected JSON", b""),
    ("spaces", 400, "expected JSON", b" \r\n\t "),
    ("half an object", 400, "expected JSON", BODY[:40]),
    ("a comma too many", 400, "expected JSON", b"[" + BODY + b",]"),
    ("a comma too many in the row", 400, "expected JSON", swap(b"719}", b"719,}")),
    ("single quotes", 400, "expected JSON", BODY.replace(b'"', b"'")),
    ("a comment", 400, "expected JSON", BODY + b" // plain"),
    ("two documents", 400, "expected JSON", BODY + b"\n" + BODY),
    ("two byte order marks", 400, "expected JSON", MARK + MARK + BODY),
    ("a byte order mark alone", 400, "expected JSON", MARK),
    ("a byte order mark at the end", 400, "expected JSON", BODY + MARK),
    ("UTF-16", 400, "expected JSON", BODY.decode().encode("utf-16")),
    ("UTF-32", 400, "expected JSON", BODY.decode().encode("utf-32-le")),
    ("latin-1", 400, "expected JSON", swap(b"EWR", "é".encode("latin-1"))),
    ("an overlong slash", 400, "expected JSON", swap(b"EWR", b"\xc0\xaf")),
    ("a lone surrogate", 400, "expected JSON", swap(b"EWR", b"\\ud800")),
    ("a lone surrogate in a name", 400, "expected JSON", swap(b"origin", b"orig\\udc00n")),
    ("a surrogate in UTF-8", 400, "expected JSON", swap(b"EWR", b"\xed\xa0\x80")),
    ("a NUL byte", 400, "expected JSON", BODY + b"\0"),
    ("a raw line break in text", 400, "expected JSON", swap(b"EWR", b"E\nWR")),
    ("NaN", 400, "expected JSON", swap(b"719", b"NaN")),
    ("Infinity", 400, "expected JSON", swap(b"719", b"Infinity")),
    ("-Infinity", 400, "expected JSON", swap(b"719", b"-Infinity")),
    ("1e400", 400, "expected JSON: Number out of range", swap(b"719", b"1e400")),
    ("1e400 in another column", 400, "expected JSON: Number out of range", dump(FLIGHT)[:-1] + b', "gate": 1e400}'),
    ("5,000 digits", 400, "expected JSON", swap(b"719", b"9" * 5000)),
    ("a leading zero", 400, "expected JSON", swap(b"719", b"0719")),
    ("a leading plus", 400, "expected JSON", swap(b"719", b"+719")),
    ("a hexadecimal number", 400, "expected JSON", swap(b"719", b"0x2cf")),
    ("a point without digits", 400, "expected JSON", swap(b"719", b"719.")),
    ("None", 400, "expected JSON", swap(b"719", b"None")),
    ("40,000 brackets", 400, "nested", b"[" * 40_000),
    ("40,000 brackets, closed", 400, "nested", b"[" * 40_000 + b"]" * 40_000),
    ("40,000 objects", 400, "nested", b'{"a":' * 40_000 + b"1" + b"}" * 40_000),
    ("a million brackets", 413, "none nested", b"[" * 10**6),
    ("10,000 deep in a value", 400, "nested", swap(b"719", b"[" * 10_000 + b"]" * 10_000)),
    ("gzip that does not say so", 400, "expected JSON", gzip.compress(BODY)),
    ("CSV", 400, "expected JSON", ",".join(NAMES).encode() + b"\n1,2,3,4\n"),
    ("null", 422, "expected a list of rows", b"null"),
    ("false", 422, "expected a list of rows", b"false"),
    ("a number", 422, "expected a list of rows", b"7"),
    ("text", 422, "expected a list of rows", b'"EWR"'),
    ("JSON in JSON", 422, "expected a list of rows", dump(BODY.decode())),
    ("an empty list", 422, "expected a list of rows", b"[]"),
    ("an empty object", 422, "row 1: carrier: expected a value, got no such column", b"{}"),
    ("null for a row", 422, "row 2: expected names and values, got null", b"[" + BODY + b",null]"),
    ("a list for a row", 422, "row 1: expected names and values", dump([VALUES])),
    ("lists within lists", 422, "row 1: expected names and values", dump([[FLIGHT]])),
    ("900 deep in a value", 422, "row 1: distance: expected a number from 10 to 6000, got", swap(b"719", b"[" * 900 + b"]" * 900)),
    ("text for a number", 422, 'row 1: distance: expected a number from 10 to 6000, got "1.5"', swap(b"719", b'"1.5"')),
    ("true for a number", 422, "row 1: distance: expected a number from 10 to 6000, got true", swap(b"719", b"true")),
    ("a list for a number", 422, "row 1: distance: expected a number from 10 to 6000, got [719]", swap(b"719", b"[719]")),
    ("an object for a number", 422, "row 1: distance: expected a number from 10 to 6000", swap(b"719", b'{"a": 719}')),
    ("null for a number", 422, "row 1: distance: expected a number from 10 to 6000, got nothing", swap(b"719", b"null")),
    ("400 digits", 422, "row 1: distance: expected a number from 10 to 6000, got 999", swap(b"719", b"9" * 400)),
    ("a negative distance", 422, "row 1: distance: expected a number from 10 to 6000, got -1", swap(b"719", b"-1")),
    ("a number for text", 422, "row 1: carrier: expected text of at most 200 characters, got 7", swap(b'"EV"', b"7")),
    ("a list for text", 422, 'row 1: carrier: expected text of at most 200 characters, got ["EV"]', swap(b'"EV"', b'["EV"]')),
    ("a category of 201 letters", 422, "row 1: carrier: expected text of at most 200 characters", swap(b"EV", b"x" * 201)),
    ("an hour that no clock shows", 422, "row 1: departs_at: expected a moment", swap(b"2013-07-05T18:30:00-04:00", b"2013-03-10T02:30:00")),
    ("30 February", 422, "row 1: departs_at: expected a moment", swap(b"07-05", b"02-30")),
    ("the year 1", 422, "row 1: departs_at: expected", swap(b"2013", b"0001")),
    ("the year 10000", 422, "row 1: departs_at: expected", swap(b"2013", b"10000")),
    ("seconds since 1970", 422, "row 1: departs_at: expected a moment", dump(FLIGHT | {"departs_at": 1373063400})),
    ("an offset of days", 422, "row 1: departs_at: expected a moment", swap(b"-04:00", b"-99:00")),
    ("a column too few", 422, "row 1: carrier: expected a value, got no such", b'{"origin": "EWR"}'),
    ("a column too few in row 2", 422, "row 2: carrier: expected a value", dump([FLIGHT, {k: v for k, v in FLIGHT.items() if k != "carrier"}])),
    ("a column too many", 422, "row 1: gate: expected no such column", dump(FLIGHT | {"gate": 7})),
    ("a column too many in row 2", 422, "row 2: gate: expected no such column", dump([FLIGHT, FLIGHT | {"gate": 7}])),
    ("a name in capitals", 422, "row 1: Origin: expected no such column", swap(b"origin", b"Origin")),
    ("a name with a space", 422, "row 1: origin : expected no such column", swap(b"origin", b"origin ")),
    ("an empty name", 422, "row 1: origin: expected a value", swap(b"origin", b"")),
    ("a name of 100,000 letters", 422, "row 1: xxx", swap(b"origin", b"x" * 100_000)),
    ("a script for a name", 422, "row 1: ", dump(FLIGHT | {EVIL: 1})),
    ("a script for a number", 422, "row 1: distance: expected a number from 10 to 6000", dump(FLIGHT | {"distance": EVIL})),
    ("control characters", 422, "row 1: distance: expected a number from 10 to 6000", dump(FLIGHT | {"distance": "\x1b[31m\0\u202e\u2028"})),
    ("text of a million letters", 422, "row 1: distance: expected a number from 10 to 6000", swap(b"719", b'"' + b"x" * 10**6 + b'"')),
    ("10,000 rows with one mistake", 422, "row 7000: distance: expected a number from 10 to 6000", dump([FLIGHT] * 6999 + [FLIGHT | {"distance": "far"}] + [FLIGHT] * 3000)),
    ("2,000 rows of mistakes", 422, "and 980 more", dump([{}] * 2000)),
    ("too many rows", 413, "at most 50000 rows", b"[" + b"{}," * MOST_ROWS + b"{},{},{}]"),
    ("too many rows of data", 413, "at most 50000 rows", b'{"columns": [], "data": [' + b"[]," * MOST_ROWS + b"[],[]]}"),
    ("lists in a value", 413, "none nested", swap(b"719", b"[" + b"[]," * MOST_ROWS + b"[],[],[]]")),
    ("a short row of data", 422, "row 2: expected 4 values, one for each column, got [", dump({"columns": NAMES, "data": [VALUES, VALUES[1:]]})),
    ("a long row of data", 422, "row 1: expected 4 values, one for each column, got [", dump({"columns": NAMES, "data": [[*VALUES, 1]]})),
    ("text for a row of data", 422, 'row 1: expected 4 values, one for each column, got "abcd"', dump({"columns": NAMES, "data": ["abcd"]})),
    ("an object for a row of data", 422, "row 1: expected 4 values, one for each column, got {", dump({"columns": NAMES, "data": [FLIGHT]})),
    ("no rows of data", 422, "got no row", dump({"columns": NAMES, "data": []})),
    ("no instances", 422, "got no row", dump({"instances": []})),
    ("columns without data", 422, "row 1: carrier: expected a value", dump({"columns": NAMES})),
    ("data without columns", 422, "row 1: carrier: expected a value", dump({"data": [VALUES]})),
    ("a number for a column", 422, "row 1: carrier: expected a value", dump({"columns": [1, 2, 3, 4], "data": [VALUES]})),
    ("lists for columns", 422, "row 1: carrier: expected a value", dump({"columns": [[]] * 4, "data": [VALUES]})),
    ("rows in two forms", 422, "row 1: columns: expected no such column", dump({"instances": [FLIGHT], "columns": NAMES, "data": [VALUES]})),
    ("a setting", 422, "row 1: instances: expected no such column", dump({"instances": [FLIGHT], "parameters": {"threshold": 0}})),
    ("MLflow's table", 422, "row 1: dataframe_split: expected no such column", dump({"dataframe_split": {"columns": NAMES, "data": [VALUES]}})),
    ("an instance that is no row", 422, "row 1: expected names and values", dump({"instances": [[1, 2, 3]]})),
]  # fmt: skip


@pytest.mark.parametrize(("status", "says", "body"), [pytest.param(*case[1:], id=case[0]) for case in ROWS])  # fmt: skip
def test_json_is_refused_by_name(app, status, says, body):
    "Status, row and column, and the front's sentence is Flask's."
    problem = check_problem(send(app, "POST", "/predict", body, Content_Type=JSON), status, says)
    again = check_problem(send(app, "POST", "/invocations", body, Content_Type=FLASK), status, says)
    assert again["detail"] == problem["detail"]
    if says.startswith("row ") and status == 422:
        places = [f"row {error['row']}: {error['column']}" for error in problem["errors"]]
        assert problem["detail"].startswith(places[0].rstrip(": "))


KINDS = [
    {},
    {"Content_Type": ""},
    {"Content_Type": "json"},
    {"Content_Type": EVIL},
    {"Content_Type": "text/plain"},
    {"Content_Type": "text/json"},
    {"Content_Type": "application/x-parquet"},
    {"Content_Type": "application/vnd.apache.arrow.stream"},
    {"Content_Type": "application/x-www-form-urlencoded"},
    {"Content_Type": "multipart/form-data; boundary=x"},
    {"Content_Type": "application/json; charset=latin-1"},
    {"Content_Type": "application/json; charset=utf-16"},
    {"Content_Type": "application/jsonl"},
    {"Content_Type": "text/csv"},
    {"Content_Type": "application/json, text/csv"},
    {"Content_Type": "application/json" + " " * 5000 + "x"},
]


@pytest.mark.parametrize("headers", KINDS, ids=lambda headers: str(headers)[:60])
def test_other_content_types_are_refused(app, headers):
    "Nothing is guessed about a body that does not say what it is."
    answer = send(app, "POST", "/predict", BODY, **headers)
    check_problem(answer, 415, "expected application/json in UTF-8")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("gzip", gzip.compress(b" " * 10**7, 1)),
        ("deflate", zlib.compress(BODY)),
        ("br", b"\x0b\x02\x80hello\x03"),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
        ("nonsense", BODY),
    ],
    ids=["gzip", "a bomb", "deflate", "br", "twice", "nonsense"],
)
def test_a_compressed_body_is_refused(app, coding, body):
    "It is not unpacked, so it cannot explode."
    answer = send(app, "POST", "/predict", body, Content_Type=JSON, Content_Encoding=coding)
    check_problem(answer, 415, "compressed")


LOST = [
    *(
        "/predict/",
        "/Predict",
        "/predict.json",
        "/invocations/1",
        "/.env",
        "/static/",
        "/%",
        "/%zz",
    ),
    *("/%00", "/%ff", "/predict%00", "/static/app.css%00.png", "/static/nothing.css"),
    *("/../../etc/passwd", "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e%2fapp.py"),
    *("/static//etc/passwd", "/artifacts/in_service.json", "/%3Cscript%3Ealert(1)%3C/script%3E"),
    *(
        "//metrics",
        "//",
        "///livez",
        "//app@localhost/livez",
        "/./metrics",
        "/metrics/",
        "/livez;x",
    ),
    "/" + "a" * 9000,
]


@pytest.mark.parametrize("path", LOST, ids=lambda path: path[:40])
def test_unknown_addresses_are_404(app, path):
    "However they are written; nobody gets out of the folder of styles."
    check_problem(send(app, "GET", path), 404, "not found")
    status, headers, page = send(app, "GET", path, **BROWSER)
    assert status == 404 and headers["content-type"].startswith("text/html")
    assert b"<script" not in page and b"alert(1)" not in page.replace(
        b"&lt;script&gt;alert(1)", b""
    )


def test_predictions_have_one_address_each(app):
    "A proxy's rule for the exact address cannot be passed by, neither in the front nor in Flask."
    for path in ("//predict", "/predict/", "//invocations", "/predict//"):
        for kind in (JSON, FLASK):
            check_problem(send(app, "POST", path, BODY, Content_Type=kind), 404, "not found")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", path, 200) for path in ("/", "/livez", "/readyz", "/ping", "/metrics", "/card")),
        *(("GET", path, 200) for path in ("/docs", "/openapi.json", "/static/app.css")),
        *(("POST", "/predict", 200), ("OPTIONS", "/predict", 200), ("HEAD", "/livez", 200)),
        *(("GET", "/nowhere", 404), ("GET", "//metrics", 404), ("PUT", "/predict", 405)),
    ],
)
def test_no_browser_guesses_what_an_answer_is(app, method, path, status):
    "Whichever way it was answered: `nosniff`, and the id of the request."
    for headers in ({}, BROWSER, {"Content_Type": FLASK}, {"Content_Type": JSON}):
        headers = headers | ({} if "Content_Type" in headers else {"Content_Type": JSON})
        body = BODY if method == "POST" else b""
        got, answer, _ = send(app, method, path, body, **headers)
        assert got == status, path
        assert answer["x-content-type-options"] == "nosniff" and answer["x-request-id"]


def guess_generator(numbers):  # 624 numbers of 32 bits that Python's `random` has given
    "The generator that gives what comes next (Mersenne twister, undone)."

    def undo(number, shift, mask):
        found = number
        for _ in range(32):
            found = number ^ ((found << shift if shift > 0 else found >> -shift) & mask)
        return found

    state = []
    for number in numbers:
        for step in ((-18, 2**32 - 1), (15, 0xEFC60000), (7, 0x9D2C5680), (-11, 2**32 - 1)):
            number = undo(number, *step)
        state.append(number)
    generator = random.Random()
    generator.setstate((3, (*state, 624), None))
    return generator


def test_ids_cannot_be_computed_from_earlier_ones(app):
    "Who knows an id may report its label; Python's `random` would give itself away."
    own = random.Random(1)
    guessed = guess_generator([own.getrandbits(32) for _ in range(624)])
    assert [guessed.getrandbits(32) for _ in range(9)] == [own.getrandbits(32) for _ in range(9)]
    ids = [send(app, "GET", "/livez")[1]["x-request-id"] for _ in range(640)]
    ends = [int(id[16:], 16) for id in ids]
    guessed = guess_generator(ends[:624])
    assert not {guessed.getrandbits(32) for _ in range(100)} & set(ends[624:])
    assert len(set(ends)) > 630 and sorted(ids) == ids


METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get")
READ = ("/livez", "/readyz", "/ping", "/metrics", "/openapi.json", "/card", "/docs")
WRONG = [(method, "/predict", "POST") for method in METHODS]
WRONG += [("POST", path, "GET") for path in READ]
WRONG += [("GET", "/feedback", "POST"), ("DELETE", "/", "GET"), ("GET", "/invocations", "POST")]


@pytest.mark.parametrize(("method", "path", "allowed"), WRONG)
def test_other_methods_are_405(app, method, path, allowed):
    "With the methods that are allowed."
    answer = send(app, method, path)
    assert allowed in answer[1]["allow"].split(", ")
    if method == "HEAD":
        assert answer[0] == 405
    else:
        check_problem(answer, 405, "not allowed")


def test_head_and_options_are_answered(app):
    "They ask about an address and get no body."
    assert send(app, "HEAD", "/livez")[0] == 200
    status, headers, _ = send(app, "OPTIONS", "/predict")
    assert status == 200 and "POST" in headers["allow"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (BROWSER["Accept"], "text/html"),
        ("text/html", "text/html"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("image/png", "application/problem+json"),
        ("text/html;q=0.1, application/json", "application/problem+json"),
        ("nonsense;q=x, ;;,/", "application/problem+json"),
        ("", "application/problem+json"),
        ("text/html;q=0", "application/problem+json"),
        ("application/json, " * 500 + "*/*", "application/problem+json"),
    ],
    ids=lambda text: text[:30],
)
def test_a_page_only_for_a_browser_that_asks_for_it(app, accept, kind):
    "A program gets a problem, whatever it accepts."
    status, headers, body = send(app, "POST", "/predict", b"[]", Content_Type=JSON, Accept=accept)
    assert status == 422 and headers["content-type"].split(";")[0] == kind
    assert b"expected a list of rows" in body


def test_a_page_shows_nothing_unescaped(app):
    "What was sent is shown to a browser as text."
    body = dump(FLIGHT | {"distance": EVIL, EVIL: "'\"&"})
    status, headers, page = send(app, "POST", "/predict", body, Content_Type=JSON, **BROWSER)
    assert status == 422 and headers["content-type"].startswith("text/html")
    assert EVIL.encode() not in page and b"&lt;script&gt;" in page


START = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
FLASKS = START.replace(JSON.encode(), FLASK.encode())
FEEDBACK_START = START.replace(b"/predict", b"/feedback")
FORM = "application/x-www-form-urlencoded"
FORM_START = START.replace(b"/predict", b"/").replace(JSON.encode(), FORM.encode())
LENGTH = b"Content-Length: %d\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(part):
    "A piece of a body without a length."
    return b"%x\r\n%s\r\n" % (len(part), part)


STARTS = pytest.mark.parametrize(
    "start", [START, FLASKS, FEEDBACK_START, FORM_START], ids=["JSON", "Flask", "feedback", "form"]
)


@STARTS
def test_too_large_is_413(app, start):
    "With a length it is not read at all."
    for length in (LIMIT + 1, 10**15):
        check_problem(talk(app, start + LENGTH % length), 413, "")


@STARTS
def test_too_large_without_a_length_is_413(app, start):
    "It is read up to the limit, and nothing is made of what was read."
    piece = chunk(b" " * 10**6)
    answer = talk(app, start + CHUNKED + chunk(b"[" + BODY), *[piece] * 4, b"0\r\n\r\n")
    check_problem(answer, 411 if start is FORM_START else 413, "expected")


def test_the_largest_body_is_read(app):
    "The limit belongs to what is allowed, with a length and without one."
    body = BODY + b" " * (LIMIT - len(BODY))
    for start in (START, FLASKS):
        assert talk(app, start + LENGTH % LIMIT, body)[0] == 200
        assert talk(app, start + CHUNKED + chunk(body) + b"0\r\n\r\n")[0] == 200


def test_a_form_is_small(app):
    "Decoding one costs many times what decoding JSON costs, and nobody types that much."
    for body in (b"origin=" + b"x" * 2**18, b"a=1&" * 2**17, b"a=" + b"%" * 1_000_000):
        answer = send(app, "POST", "/", body, Content_Type=FORM)
        check_problem(answer, 413, "expected a form of at most 100000 bytes")


SHORT = {  # whole requests, as far as anybody can see
    START: BODY,
    FLASKS: BODY,
    FEEDBACK_START: b'{"id": "nobody-0", "label": "late"}',
    FORM_START: b"departs_at=2013-07-05T18%3A30&origin=EWR&carrier=EV&distance=71",
}


@STARTS
def test_a_body_that_ends_too_early_is_never_used(app, start):
    "Of a form, 719 miles would become 71. Whoever can still listen is answered with 400."
    rows, refused, body = count(app, "app_rows"), count(app, "app_requests", "400"), SHORT[start]
    for more in (1, 100):
        answer = talk(app, start + LENGTH % (len(body) + more), body, end=True)
        check_problem(answer, 400, f"expected {len(body) + more} bytes, got fewer")
    with socket.create_connection(("127.0.0.1", app.port), 20) as connection:
        connection.sendall(start + LENGTH % (len(body) + 1) + body)
    until = time.monotonic() + 10
    while count(app, "app_requests", "400") < refused + 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert count(app, "app_requests", "400") == refused + 3
    assert count(app, "app_rows") == rows


@pytest.mark.parametrize("rest", [b"", b"1b\r\n{", b"zz\r\n"], ids=["no end", "half", "nonsense"])
def test_pieces_that_end_too_early_are_never_misread(app, rest):
    "JSON says itself where it ends, so half of it is none; half a form looks like a whole one."
    rows = count(app, "app_rows")
    for start in (START, FLASKS, FEEDBACK_START):
        answer = talk(app, start + CHUNKED + chunk(SHORT[start][:-1]), rest, end=True)
        check_problem(answer, 400, "expected JSON")
    for kind in (FORM, "text/csv", "application/xml"):
        start = FORM_START.replace(FORM.encode(), kind.encode())
        answer = talk(app, start + CHUNKED + chunk(SHORT[FORM_START]), rest, end=True)
        check_problem(answer, 411, "expected a Content-Length")
    assert count(app, "app_rows") == rows


def test_json_in_pieces_is_read(app):
    "However it is cut."
    for start in (START, FLASKS):
        parts = [chunk(BODY[place : place + 1]) for place in range(len(BODY))]
        status, _, body = talk(app, start + CHUNKED, *parts, b"0\r\n\r\n")
        assert status == 200 and len(json.loads(body)["predictions"]) == 1


def test_whoever_waits_for_leave_to_send_gets_it(app):
    "`Expect: 100-continue`: first an interim answer, then the body, then the answer."
    with socket.create_connection(("127.0.0.1", app.port), 20) as connection:
        connection.sendall(START + b"Expect: 100-continue\r\n" + LENGTH % len(BODY))
        answer = connection.makefile("rb")
        assert answer.readline().split()[1] == b"100" and answer.readline() == b"\r\n"
        connection.sendall(BODY)
        assert answer.readline().split()[1] == b"200"
    head = START + b"Expect: 100-continue\r\n" + LENGTH % (LIMIT + 1)
    check_problem(talk(app, head), 413, "")


GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
BROKEN = [  # refused by the server before the app sees it
    ("no request", {400}, b"\0\1\2 nonsense\r\n\r\n"),
    ("TLS", {400}, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50),
    ("HTTP/9.9", {400, 505}, b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n"),
    ("a method with a sign", {400}, b"G@T /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a space in the path", {400}, b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a raw byte in the path", {400, 404}, b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a path of 100,000", {414}, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a header of a million", {431}, GET + b"X-A: " + b"a" * 10**6 + b"\r\n\r\n"),
    ("5,000 headers", {431}, GET + b"".join(b"X-%d: a\r\n" % i for i in range(5000)) + b"\r\n"),
    ("a NUL in a header", {400}, GET + b"X-A: a\0b\r\n\r\n"),
    ("a header without a name", {400}, GET + b": a\r\n\r\n"),
    ("a header over two lines", {400}, GET + b"X-A: a\r\n b\r\n\r\n"),
    ("a length below zero", {400}, START + b"Content-Length: -5\r\n\r\n"),
    ("a length in words", {400}, START + b"Content-Length: five\r\n\r\n"),
    ("two lengths", {400}, START + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + BODY),
    ("an absurd length", {400, 413}, START + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n"),
    ("an unknown transfer", {400, 501}, START + b"Transfer-Encoding: gzip\r\n\r\n" + BODY),
    ("a websocket", {400, 404}, GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
     b"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("statuses", "sent"), [pytest.param(*case[1:], id=case[0]) for case in BROKEN])  # fmt: skip
def test_what_is_no_http_is_refused(app, statuses, sent):
    "By the server itself, with a status and without a word of ours."
    status, _, body = talk(app, sent)
    assert status in statuses, (status, body)
    assert len(body) < 1000


FEEDBACK = [
    ("nothing", 400, "expected JSON", b""),
    ("half", 400, "expected JSON", b'{"id": "a"'),
    ("deep", 422, "expected an id and a label", b"[" * 100_000),
    ("a lone surrogate", 400, "expected JSON", b'{"id": "\\ud800", "label": "late"}'),
    ("null", 422, "expected an id and a label", b"null"),
    ("a number", 422, "expected an id and a label", b"7"),
    ("an empty object", 422, "expected an id and a label", b"{}"),
    ("no label", 422, "expected an id and a label", b'{"id": "a"}'),
    ("no id", 422, "expected an id and a label", b'{"label": "late"}'),
    ("a number for the id", 422, "expected an id and a label", b'{"id": 7, "label": "late"}'),
    ("null for the label", 422, "expected an id and a label", b'{"id": "a", "label": null}'),
    ("true for the label", 422, "expected an id and a label", b'{"id": "a", "label": true}'),
    ("an id of 100,000 letters", 422, "expected an id and a label", b'{"id": "' + b"x" * 100_000 + b'", "label": "late"}'),
    ("something more", 422, "expected an id and a label", b'{"id": "a", "label": "late", "when": 1}'),
    ("a list of lists", 422, "expected an id and a label", b'[["a", "late"]]'),
    ("a label of 201 letters", 422, "expected an id and a label", b'{"id": "a", "label": "' + b"x" * 201 + b'"}'),
    ("10,001 labels", 422, "expected an id and a label", dump([{"id": "a", "label": "late"}] * 10_001)),
    ("1e400", 422, "expected an id and a label", b'{"id": 1e400, "label": "late"}'),
    ("an unknown label", 422, 'label: expected one of on time, late, got "early"', b'{"id": "a", "label": "early"}'),
    ("a script for a label", 422, "label: expected one of", dump({"id": "a", "label": EVIL})),
    ("an unknown id", 404, "", b'{"id": "nobody-0", "label": "late"}'),
    ("an unknown id in a list", 404, "", b'[{"id": "nobody-0", "label": "late"}]'),
    ("an id with SQL", 404, "", b'{"id": "x\' or 1=1 --", "label": "late"}'),
    ("an id with NUL", 404, "", b'{"id": "x\\u0000", "label": "late"}'),
    ("an empty id", 404, "", b'{"id": "", "label": "late"}'),
]  # fmt: skip


@pytest.mark.parametrize(("status", "says", "body"), [pytest.param(*case[1:], id=case[0]) for case in FEEDBACK])  # fmt: skip
def test_feedback_is_refused_by_name(app, status, says, body):
    "What really happened is as easily misread as a row."
    answer = send(app, "POST", "/feedback", body, Content_Type=JSON)
    check_problem(answer, status, says)


def test_feedback_that_does_not_say_what_it_is_is_415(app):
    "The same rule as for rows."
    body = b'{"id": "a", "label": "late"}'
    for headers in (
        {},
        {"Content_Type": "text/csv"},
        {"Content_Type": "application/json; charset=latin-1"},
    ):
        check_problem(send(app, "POST", "/feedback", body, **headers), 415, "expected")
    answer = send(app, "POST", "/feedback", body, Content_Type=JSON, Content_Encoding="gzip")
    check_problem(answer, 415, "compressed")


def test_another_word_about_the_same_prediction_is_409(app):
    "Saying the same again changes nothing; saying something else names both."
    answer = send(app, "POST", "/predict", BODY, Content_Type=JSON)
    label = {"id": json.loads(answer[2])["predictions"][0]["id"], "label": "late"}
    for _ in range(2):
        assert send(app, "POST", "/feedback", dump(label), Content_Type=JSON)[0] == 200
    answer = send(app, "POST", "/feedback", dump(label | {"label": "on time"}), Content_Type=JSON)
    problem = check_problem(answer, 409, "late")
    assert "on time" in problem["detail"]


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (415, JSON, BODY),
        (415, "multipart/form-data; boundary=x", b"--x--"),
        (415, "", b"origin=EWR"),
        (422, FORM, b""),
        (422, FORM, b"origin=%ff%fe&distance=%00"),
        (422, FORM, b"&&&===%%%"),
        (422, FORM, b"origin=" + b"x" * 90_000),
        (422, FORM, b"distance=" + EVIL.encode()),
        (422, FORM, b"&".join(b"a%d=1" % i for i in range(10_000))),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_broken_form_is_refused(app, status, kind, body):
    "A form that nobody filled in by hand."
    got, _, page = send(app, "POST", "/", body, Content_Type=kind, **BROWSER)
    assert got == status and EVIL.encode() not in page and b"Traceback" not in page


def scores(app, body, kind=JSON, path="/predict"):
    "The scores of an answer that has to be 200; no warning."
    status, _, answer = send(app, "POST", path, body, Content_Type=kind)
    assert status == 200, answer
    predictions = json.loads(answer)["predictions"]
    assert not any(prediction["warnings"] for prediction in predictions)
    return [prediction["score"] for prediction in predictions]


@pytest.fixture(scope="module")
def plain(app):
    "The score of the plain row, which is not that of other rows."
    (score,) = scores(app, BODY)
    for other in (
        {"distance": 100},
        {"origin": "JFK"},
        {"departs_at": "2013-07-05T06:30:00-04:00"},
    ):
        assert scores(app, dump(FLIGHT | other)) != [score]
    return score


SAME = [  # what has to be read, and to mean the plain row
    ("a list", JSON, dump([FLIGHT])),
    ("another order", JSON, dump(dict(reversed(FLIGHT.items())))),
    ("719.0", JSON, swap(b"719", b"719.0")),
    ("7.19e2", JSON, swap(b"719", b"7.19e2")),
    ("7190E-1", JSON, swap(b"719", b"7190E-1")),
    ("719 and 30 zeros", JSON, swap(b"719", b"719." + b"0" * 30)),
    ("an escaped name", JSON, swap(b"distance", b"\\u0064ist\\u0061nce")),
    ("an escaped value", JSON, swap(b"EWR", b"\\u0045W\\u0052")),
    ("spaces everywhere", JSON, b" \r\n\t" + json.dumps([FLIGHT], separators=(" ,\t", "\r\n: "), indent=8).encode() + b"\n \n"),
    ("another column that is known", JSON, dump(FLIGHT | {"tail": 'N1":"', "air_time": None})),
    ("the same moment in UTC", JSON, swap(b"18:30:00-04:00", b"22:30:00Z")),
    ("the same moment in India", JSON, dump(FLIGHT | {"departs_at": "2013-07-06T04:00:00+05:30"})),
    ("columns and data", JSON, dump({"columns": NAMES, "data": [VALUES]})),
    ("columns in another order", JSON, dump({"columns": NAMES[::-1], "data": [VALUES[::-1]]})),
    ("instances", JSON, dump({"instances": [FLIGHT], "parameters": {}, "signature_name": None})),
    ("a byte order mark", JSON, MARK + BODY),
    ("a byte order mark and instances", JSON, MARK + dump({"instances": [FLIGHT]})),
    ("a name twice: the last counts", JSON, swap(b'"distance": 719', b'"distance": 7, "dist\\u0061nce" : 719')),
    ("a moment without seconds", JSON, swap(b"18:30:00", b"18:30")),
    ("charset", FLASK, BODY),
    ("charset in quotes", 'Application/JSON;charset="UTF-8"', BODY),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body"), [pytest.param(*case[1:], id=case[0]) for case in SAME])
def test_what_is_unusual_but_plain_means_the_same(app, plain, kind, body):
    "The very same score as the plain request, at both addresses."
    assert scores(app, body, kind) == scores(app, body, kind, "/invocations") == [plain]


def test_rows_are_answered_in_their_order(app, plain):
    "However many there are, in each form, and in a thread or in the loop."
    rows = [FLIGHT | {"distance": 100 + place % 900} for place in range(2000)]
    rows[1234] = FLIGHT
    listed = scores(app, dump(rows))
    assert listed[1234] == plain and Counter(listed).most_common(1)[0][1] < 2000
    split = {"columns": NAMES, "data": [list(row.values()) for row in rows]}
    assert listed == scores(app, dump(split)) == scores(app, dump(rows), FLASK)
    assert len(dump(rows)) > 2**16 and listed[:100] == scores(app, dump(rows[:100]))
