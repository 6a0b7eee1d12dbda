"""Batch scoring: real files, the real command; each record is in the output or a rejected one."""

import csv
import datetime as dt
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_artifacts import FLIGHTS_APP, HOME, make_artifact, to_json_rows

import mlprod
from mlprod import score
from mlprod.app.app import create_app
from mlprod.app.model import InService
from mlprod.frames import BLANKS
from mlprod.parts import score_table
from mlprod.score import ScoreError, number_records

ROOT = Path(mlprod.__file__).resolve().parent.parent
ARTIFACTS = FLIGHTS_APP / "artifacts"
FLIGHTS = InService(ARTIFACTS).artifact()
NAMES = list(FLIGHTS.features.columns)
GOOD = dict(zip(NAMES, ("2023-07-05T18:30:00-04:00", "EWR", "UA", 719), strict=True))
HEADER = ",".join(NAMES)
LINE = ",".join(map(str, GOOD.values()))
posix = pytest.mark.skipif(os.name == "nt", reason="signals are a POSIX matter")


def start(*words, cwd, **options):
    "Start the command in a process of its own."
    words = [*map(str, words), "--artifacts", str(ARTIFACTS)]
    return subprocess.Popen(
        [sys.executable, "-m", "mlprod.cli", "score", *words], cwd=cwd,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, **options,
    )  # fmt: skip


def run(*words, cwd):
    "Run the command to its end: status, what it printed, what it complained about."
    out, err = (process := start(*words, cwd=cwd)).communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def score_text(folder, text, name="in.csv", rejects=True):
    "Score a text, as a file of this name: counts, records in the output, lines of the rejected."
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    places = [str(folder / each) for each in (name, "out.ndjson", "bad.csv")]
    outcome = score_table(FLIGHTS, *places[: 3 if rejects else 2])
    return outcome, *read_results(folder)


def read_results(folder):
    "Read out.ndjson and bad.csv."
    records = [json.loads(line) for line in (folder / "out.ndjson").read_bytes().splitlines()]
    bad = folder / "bad.csv"
    return records, read_dicts(bad) if bad.exists() else []


def read_dicts(path):
    "Read a CSV file as Python does."
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refuse_text(folder, text, name="in.csv"):
    "What the refusal of a whole text says; nothing remains of it."
    with pytest.raises(ScoreError) as caught:
        score_text(folder, text, name)
    assert [path.name for path in folder.iterdir()] == [name]
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{folder / name}: ")
    return message.removeprefix(f"{folder / name}: ")


# --- the app's numbers ----------------------------------------------------------------------------

client = create_app(ARTIFACTS, HOME).test_client()
words = st.text(
    st.characters(exclude_categories=["C"], exclude_characters=",\u2028\u2029"), max_size=6
)
moments = st.datetimes(
    dt.datetime(2012, 12, 1), dt.datetime(2034, 2, 1), timezones=st.timezones()
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))
codes = {name: st.sampled_from(list(FLIGHTS.features.columns[name].codes)) for name in NAMES[1:3]}
rows = st.fixed_dictionaries(
    {
        NAMES[0]: moments.map(dt.datetime.isoformat) | st.none() | words,
        NAMES[1]: codes[NAMES[1]] | st.none() | words,
        NAMES[2]: codes[NAMES[2]] | codes[NAMES[2]] | words,
        NAMES[3]: st.integers(10, 6000) | st.floats(5, 6500) | st.integers() | st.none(),
    }
)


def ask_app(row):
    "What the app answers to one row: a prediction without its id, or the columns that are wrong."
    answer = client.post("/predict", json=[row])
    if answer.status_code == 422:
        return sorted({problem["column"] for problem in answer.json["errors"]})
    prediction = answer.json["predictions"][0]
    return [prediction[name] for name in ("score", "decision")] + [list(prediction["warnings"])]


def compare(results, wanted):
    "Compare an output and its rejected records with the app's answers, record by record."
    outcome, records, lines = results
    found = {
        each["record"]: [each["score"], each["decision"], each["warnings"]] for each in records
    }
    refused = {}
    for line in lines:
        refused.setdefault(int(line["record"]), set()).add(line["column"])
    found |= {record: sorted(columns) for record, columns in refused.items()}
    assert found == dict(enumerate(wanted, start=1))
    assert outcome[:3] == (len(wanted), len(records), len(refused))


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=8))
def test_scores_of_ndjson_are_those_of_the_app_bit_for_bit(tmp_path_factory, some):
    "So are decisions, warnings, and which columns of which rows are refused."
    text = "\n".join(map(json.dumps, some))
    results = score_text(tmp_path_factory.mktemp("score"), text, "in.ndjson")
    compare(results, list(map(ask_app, some)))


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=8))
def test_scores_of_csv_are_those_of_the_app_bit_for_bit(tmp_path_factory, some):
    "Once what means nothing in CSV is nothing in the request as well."
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(
        [NAMES, *[[row[name] for name in NAMES] for row in some]]
    )
    some = [{k: None if v in BLANKS else v for k, v in row.items()} for row in some]
    results = score_text(tmp_path_factory.mktemp("score"), text.getvalue())
    compare(results, list(map(ask_app, some)))


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=8), st.booleans())
def test_scores_of_parquet_are_those_of_the_app_bit_for_bit(tmp_path_factory, some, typed):
    "With moments and categories as such or as text."
    folder = tmp_path_factory.mktemp("score")
    if typed:
        some = [row | {NAMES[0]: GOOD[NAMES[0]]} for row in some]
    frame = pd.DataFrame(some, columns=NAMES).astype({NAMES[3]: "float64"})
    if typed:
        moment = pd.to_datetime(frame[NAMES[0]], utc=True)
        frame = frame.assign(**{NAMES[0]: moment, NAMES[1]: frame[NAMES[1]].astype("category")})
    frame.to_parquet(folder / "in.parquet", index=False)
    places = [str(folder / each) for each in ("in.parquet", "out.ndjson", "bad.csv")]
    results = score_table(FLIGHTS, *places), *read_results(folder)
    compare(results, list(map(ask_app, some)))


def test_each_output_has_the_same_answers(tmp_path):
    "And the columns of the input, as they came: text stays text, types stay types."
    source = str(ROOT / "data" / "flights" / "sample.parquet")
    for name in ("out.parquet", "out.csv", "out.tsv", "out.ndjson"):
        assert score_table(FLIGHTS, source, str(tmp_path / name)).written == 5000
    typed = pq.read_table(tmp_path / "out.parquet")
    given_schema = pq.read_schema(source)
    assert typed.schema.names == ["record", *given_schema.names, "score", "decision", "warnings"]
    assert [typed.schema.field(name).type for name in given_schema.names] == given_schema.types
    frame = typed.to_pandas()
    assert frame["record"].tolist() == list(range(1, 5001))
    for name, mark in (("out.csv", ","), ("out.tsv", "\t")):
        text = pd.read_csv(tmp_path / name, sep=mark)
        assert text["score"].equals(frame["score"]) and list(text) == typed.schema.names
    lines = [json.loads(line) for line in (tmp_path / "out.ndjson").read_bytes().splitlines()]
    assert [line["score"] for line in lines] == frame["score"].tolist()
    assert lines[0]["distance"] == frame["distance"][0] and lines[0]["warnings"] == []


def test_the_columns_of_csv_and_ndjson_are_kept_as_they_came(tmp_path):
    "CSV's as text; a line of NDJSON as it was, and in a table with the contract's columns."
    score_text(tmp_path, f"{HEADER},flight\n{LINE.replace('719', ' 0719.0')},007\n")
    score_table(FLIGHTS, str(tmp_path / "in.csv"), str(tmp_path / "out.parquet"))
    (kept,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert kept["distance"] == " 0719.0" and kept["flight"] == "007"
    line = json.dumps(GOOD | {"flight": 7, "tail": None})[:-1] + ', "flight" : 1e1}'
    score_text(tmp_path, line, "in.ndjson")
    assert (tmp_path / "out.ndjson").read_bytes().decode().startswith(line[:-1] + ',"record":1,')
    score_table(FLIGHTS, str(tmp_path / "in.ndjson"), str(tmp_path / "out.csv"))
    (kept,) = read_dicts(tmp_path / "out.csv")
    assert set(kept) == FLIGHTS.features.known | {"record", "score", "decision", "warnings"}
    assert (kept["distance"], kept["flight"], kept["tail"]) == ("719", "10.0", "")


def test_a_model_with_several_labels_scores_tables_too(tmp_path):
    "The score is that of the best label, as in the app."
    _, table = make_artifact("penguins", tmp_path / "artifacts")
    artifact = InService(tmp_path / "artifacts").artifact()
    table.to_parquet(tmp_path / "in.parquet")
    score_table(artifact, str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"))
    scored = pq.read_table(tmp_path / "out.parquet").to_pylist()
    asked = create_app(tmp_path / "artifacts", HOME).test_client()
    requests = to_json_rows(table, artifact.features)
    answers = asked.post("/predict", json=requests).json["predictions"]
    for name in ("score", "decision"):
        assert [each[name] for each in scored] == [each[name] for each in answers]


# --- bad records ----------------------------------------------------------------------------------


def test_the_command_accounts_for_every_record(tmp_path):
    "In = out + rejected is printed; a rejected record has its number, each column and reason."
    short, far = LINE.rpartition(",")[0], LINE.replace("719", "far")
    lines = [HEADER, LINE, short, "", far, LINE + ",1", LINE.replace("UA", "X9"), LINE]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    status, out, err = run("in.csv", "out.csv", "--rejects", "bad.csv", cwd=tmp_path)
    assert (status, err) == (0, "")
    first, *wrote = out.splitlines()
    assert first.startswith("6 records in = 3 scored + 3 rejected; 1 with warnings; artifact ")
    assert [line.split() for line in wrote] == [["wrote", "out.csv"], ["wrote", "bad.csv"]]
    assert (tmp_path / "bad.csv").read_text().splitlines() == [
        "record,column,reason,text",
        '2,,missing,"expected 4 values, got 3"',
        '3,distance,type,"expected a number from 10 to 6000, got ""far"""',
        '4,,extra,"expected 4 values, got 5"',
    ]
    scored = pd.read_csv(tmp_path / "out.csv")
    assert scored["record"].tolist() == [1, 5, 6]
    assert scored["warnings"][1] == 'carrier: unknown category "X9"'


def test_without_a_file_for_rejects_the_first_bad_record_stops(tmp_path):
    "One line names it and the way out; status 1, and no output."
    bad = LINE.replace("719", "far")
    (tmp_path / "in.csv").write_text("\n".join([HEADER, LINE, bad, bad]))
    for words in ([], ["--on-bad", "stop"]):
        status, out, err = run("in.csv", "out.csv", *words, cwd=tmp_path)
        text = (
            'expected a number from 10 to 6000, got "far" (--rejects FILE leaves such records out; '
            "mlprod convert in.csv in-clean.parquet makes a clean copy, with --contract "
            "data/flights/contract.yaml)"
        )
        assert (status, out) == (1, "") and err == f"mlprod: in.csv: record 2: distance: {text}\n"
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    "words",
    [
        ["none.csv", "out.csv"],
        ["in.xlsx", "out.csv"],
        ["in.csv", "out.xlsx"],
        ["in.csv", "in.csv"],
        ["in.csv", "."],
        ["in.csv", "nowhere/out.csv"],
        ["in.csv", "out.csv", "--rejects", "out.csv"],
        ["in.csv", "out.csv", "--rejects", "bad.parquet"],
        ["in.csv", "out.csv", "--on-bad", "reject"],
        ["in.csv", "out.csv", "--on-bad", "stop", "--rejects", "bad.csv"],
    ],
)
def test_a_name_that_cannot_be_is_refused_in_one_line(words, tmp_path):
    "Before anything is written, and with the name in it."
    (tmp_path / "in.csv").write_text(f"{HEADER}\n{LINE}\n")
    status, out, err = run(*words, cwd=tmp_path)
    assert (status, out) == (1, "") and err.startswith("mlprod: ") and err.count("\n") == 1
    assert any(word in err for word in words) and "unexpected" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_other_columns_stop_the_table_whatever_is_done_with_bad_records(tmp_path):
    "Not one row has them, as in the app and in training."
    assert refuse_text(tmp_path, f"{HEADER},gate\n{LINE},7\n") == (
        "columns: gate: expected no such column, got one"
        " (take out what the contract does not know, or name it there)"
    )
    assert "distance: expected a value" in refuse_text(tmp_path, "origin\nEWR\n")
    assert "expected one such column, got 2" in refuse_text(
        tmp_path, f"{HEADER},origin\n{LINE},JFK\n"
    )
    assert refuse_text(tmp_path, "") == (
        "expected a header with the columns' names, got an empty file"
    )
    way = "(mlprod convert in.csv in-clean.parquet makes a clean copy)"
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        text = refuse_text(tmp_path, f"{HEADER}\n{LINE}\n".encode(encoding))
        assert text == f"expected UTF-8, got another encoding {way}"
    text = refuse_text(tmp_path, f"{HEADER}\n{LINE}\n".replace(",", ";"))
    assert text == f"columns: expected ',' between them, got ';' {way}"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([LINE, LINE + ",1", "EWR", LINE.replace("719", "far"), ""])), st.data()
)
def test_records_keep_their_numbers_however_the_file_is_cut(tmp_path_factory, lines, drawn):
    "A block may begin anywhere; a record that was skipped has a number, a blank line has none."
    longest = len(LINE) + 6
    blocks, size = drawn.draw(st.integers(1, 4)), drawn.draw(st.integers(longest, 6 * longest))
    before = score.BYTES, score.BLOCKS
    score.BYTES, score.BLOCKS = blocks * size, blocks
    try:
        results = score_text(tmp_path_factory.mktemp("score"), "\n".join([HEADER, *lines, ""]))
    finally:
        score.BYTES, score.BLOCKS = before
    outcome, records, refused = results
    kept = [line for line in lines if line]
    wanted = [number for number, line in enumerate(kept, start=1) if line == LINE]
    assert [record["record"] for record in records] == wanted
    others = [number for number, line in enumerate(kept, start=1) if line != LINE]
    assert [int(line["record"]) for line in refused] == others
    assert outcome == (len(kept), len(wanted), len(others), 0)


def test_numbers_go_around_what_was_skipped():
    "Also where the reader has looked ahead."
    skipped = [score.Problem(number, "", "", "") for number in (3, 4, 6, 9)]
    assert number_records(2, 3, skipped).tolist() == [2, 5, 7]


def test_what_csv_allows_is_read(tmp_path):
    "A byte order mark, Windows' line ends, quotes, blank lines, a line break in a value."
    text = f'\ufeff{HEADER},tail\r\n{LINE},"N1, ""x""\r\ny"\r\n\r\n{LINE},\r\n'
    outcome, records, refused = score_text(tmp_path, text)
    assert outcome == (2, 2, 0, 0) and not refused
    assert [record["tail"] for record in records] == ['N1, "x"\r\ny', ""]


def test_what_is_not_utf_8_is_one_bad_record(tmp_path):
    "In any column, for it could not be written."
    text = f"{HEADER},tail\n{LINE},ok\n".encode() + f"{LINE},é\n".encode("latin-1")
    outcome, _, refused = score_text(tmp_path, text)
    assert outcome[:3] == (2, 1, 1) and "expected UTF-8" in refused[0]["text"]


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("closes", [False, True])
def test_an_open_quote_is_noticed(tmp_path, column, closes):
    "In any column, whether it swallows the rest or a single end of a line, up to another one."
    values = LINE.split(",")
    values[column] = f'"{values[column]}'
    broken = ",".join(values)
    lines = [HEADER, *[LINE] * 3, broken, *[broken] * closes, *[LINE] * 5]
    assert refuse_text(tmp_path, "\n".join(lines)).startswith("record 4: ")


def test_an_open_quote_is_noticed_where_the_rest_is_longer_than_a_block(tmp_path):
    "The message has the number of a record before it."
    text = "\n".join([HEADER, LINE, f'{LINE},"', *[LINE] * (2 * score.BYTES // len(LINE))])
    assert "expected a quote that closes" in refuse_text(tmp_path, text)


def test_what_is_no_row_of_ndjson_is_rejected_like_in_a_request(tmp_path):
    "Lines are counted without the blank ones; a name twice is the app's last one."
    good = json.dumps(GOOD)
    twice = good[:-1] + ', "distance": 800}'
    wrong_first = good.replace("719", '"far", "distance": 719')
    lines = ["\ufeff" + good, "", "{", "[1]", "null", good + good, twice, wrong_first, "[" * 10_000]
    outcome, records, refused = score_text(tmp_path, "\r\n".join(lines), "in.ndjson")
    assert [record["record"] for record in records] == [1, 6, 7]
    assert [int(line["record"]) for line in refused] == [2, 3, 4, 5, 8]
    assert outcome == (8, 3, 5, 0) and records[1]["score"] == ask_app(GOOD | {"distance": 800})[0]
    assert "line" in refuse_long_line(tmp_path)


def refuse_long_line(folder):
    "The refusal of a line without an end; the files of before are left alone."
    (folder / "long.ndjson").write_bytes(b"[" * (score.BYTES + 1))
    with pytest.raises(ScoreError) as caught:
        score_table(FLIGHTS, str(folder / "long.ndjson"), str(folder / "never.ndjson"))
    assert not (folder / "never.ndjson").exists()
    return str(caught.value)


def test_parquet_that_other_programs_wrote(tmp_path):
    "An index of pandas is no column; lists do not fit into CSV; half a file is none."
    frame = pd.DataFrame([GOOD] * 4).assign(departs_at=pd.Timestamp(GOOD["departs_at"]))
    frame[frame.index != 1].to_parquet(tmp_path / "in.parquet")
    source, target = str(tmp_path / "in.parquet"), str(tmp_path / "out.csv")
    assert score_table(FLIGHTS, source, target).written == 3
    assert b"index_level" not in (tmp_path / "out.csv").read_bytes()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    old = table.set_column(0, "departs_at", table["departs_at"].cast(pa.timestamp("ns", "UTC")))
    pq.write_table(old, source)
    score_table(FLIGHTS, source, str(tmp_path / "out.ndjson"))
    first = json.loads((tmp_path / "out.ndjson").read_bytes().splitlines()[0])
    assert pd.Timestamp(first["departs_at"]) == pd.Timestamp(GOOD["departs_at"])
    pq.write_table(table.append_column("tail", pa.array([b"\xff"] * 4)), source)
    with pytest.raises(ScoreError, match="out.csv: expected CSV, got: Invalid UTF8"):
        score_table(FLIGHTS, source, target)
    pq.write_table(table.append_column("tail", pa.array([["N1"]] * 4)), source)
    with pytest.raises(ScoreError, match="column tail; Parquet and NDJSON hold them"):
        score_table(FLIGHTS, source, target)
    half = (tmp_path / "in.parquet").read_bytes()[:-9]
    (tmp_path / "in.parquet").write_bytes(half)
    with pytest.raises(ScoreError, match="expected Parquet, got: "):
        score_table(FLIGHTS, source, target)


def test_nothing_is_scored_where_there_is_nothing(tmp_path):
    "A table without records is one, and gives an empty table."
    for name, text in (("in.csv", HEADER + "\n"), ("in.ndjson", "")):
        assert score_text(tmp_path, text, name)[0] == (0, 0, 0, 0)
    (tmp_path / "in.csv").write_text(f"{HEADER}\n{LINE},1\n")
    places = [str(tmp_path / name) for name in ("in.csv", "out.parquet", "bad.csv")]
    assert score_table(FLIGHTS, *places) == (1, 0, 1, 0)
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


# --- streams, killed runs, memory -----------------------------------------------------------------


def test_a_stream_is_answered_as_it_comes(tmp_path):
    "The first answer is there while the input is still open."
    process = start("-", "-", cwd=tmp_path, stdin=subprocess.PIPE)
    with process.stdin, process.stdout, process.stderr:
        for number in (1, 2):
            process.stdin.write(json.dumps(GOOD).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert (answer["record"], answer["score"]) == (number, ask_app(GOOD)[0])
        process.stdin.close()
        assert process.stdout.read() == b"" and process.wait(30) == 0
        assert process.stderr.read().startswith(b"2 records in = 2 scored + 0 rejected; ")


def feed(pipe, block):
    "Write four blocks, more than are under way at once; whoever reads them may die meanwhile."
    with suppress(BrokenPipeError, ValueError):
        for _ in range(4):
            pipe.write(block)
        pipe.flush()


@posix
@pytest.mark.parametrize("sign", ["SIGKILL", "SIGTERM"])
def test_a_run_that_is_killed_leaves_no_output(tmp_path, sign):
    "Yesterday's file stays whole, and the next run is as if nothing had been."
    (tmp_path / "out.ndjson").write_text("yesterday")
    folder = tmp_path / ".out.ndjson.parts"
    process = start("-", "out.ndjson", "--rejects", "bad.csv", cwd=tmp_path, stdin=subprocess.PIPE)
    with process.stdin, process.stdout, process.stderr:
        line, until = json.dumps(GOOD).encode() + b"\n", time.monotonic() + 60
        block = line * (score.BYTES // len(line) + 1)
        feeder = threading.Thread(target=feed, args=(process.stdin, block))
        feeder.start()
        while not any(path.stat().st_size > 10**6 for path in folder.glob("part-*")):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(getattr(signal, sign))
        process.wait(30)
        feeder.join()
    assert (tmp_path / "out.ndjson").read_text() == "yesterday"
    assert not (tmp_path / "bad.csv").exists()
    assert folder.exists() == (sign == "SIGKILL")
    (tmp_path / "in.ndjson").write_bytes(line)
    assert run("in.ndjson", "out.ndjson", cwd=tmp_path)[0] == 0 and not folder.exists()
    assert len((tmp_path / "out.ndjson").read_bytes().splitlines()) == 1


MEASURE = """
import re, sys
from pathlib import Path
from mlprod.app.model import InService
from mlprod.parts import score_table
artifact = InService(sys.argv[1]).artifact()
outcome = score_table(artifact, *sys.argv[2:])
print(outcome.written, re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a matter of Linux")
def test_two_million_rows_take_little_more_memory_than_half_a_million(tmp_path):
    "One row group, so nothing in the file says where a batch could end."
    sample = pq.read_table(ROOT / "data" / "flights" / "sample.parquet")
    used = {}
    for n_rows in (500_000, 2_000_000):
        table = pa.concat_tables([sample] * (n_rows // len(sample)))
        pq.write_table(table, tmp_path / "in.parquet", row_group_size=n_rows)
        words = [ARTIFACTS, tmp_path / "in.parquet", tmp_path / "out.parquet"]
        out = subprocess.check_output([sys.executable, "-c", MEASURE, *map(str, words)], cwd=ROOT)
        written, used[n_rows] = map(int, out.split())
        assert written == n_rows == pq.read_metadata(tmp_path / "out.parquet").num_rows
    assert used[2_000_000] - used[500_000] < 80_000  # KB
    scores = pq.read_table(tmp_path / "out.parquet", columns=["score"])["score"].to_numpy()
    assert np.array_equal(scores[:5000], scores[-5000:])


@posix
def test_a_reader_that_has_enough_ends_the_command_quietly(tmp_path):
    "As `head` ends other programs: by the signal, without a word."
    process = start("-", "-", cwd=tmp_path, stdin=subprocess.PIPE)
    with process.stdin, process.stderr:
        process.stdout.close()
        feed(process.stdin, json.dumps(GOOD).encode() + b"\n")
        assert process.wait(30) == -signal.SIGPIPE and process.stderr.read() == b""


def test_a_project_is_named_by_its_contract(tmp_path):
    "Its artifact is found, in a process of its own, as the command is called."
    for name in ("settings.ini", "nbs", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ARTIFACTS, tmp_path / "artifacts" / "flights")
    words = ["score", "data/flights/sample.parquet", "out.csv"]
    words += ["--contract", "data/flights/contract.yaml"]
    out = subprocess.check_output(
        [sys.executable, "-m", "mlprod.cli", *words], cwd=tmp_path, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert out.startswith("5,000 records in = 5,000 scored + 0 rejected; ")


def test_a_parquet_file_does_not_stay_in_memory(tmp_path):
    "What has been read is given back: less is held at any time than the file has bytes."
    draw = np.random.default_rng(0)
    later = pd.to_timedelta(draw.integers(0, 10**12, 10**6), "us")
    moments = pd.Timestamp("2023-07-05T18:30Z") + later
    rows = pd.DataFrame({"departs_at": moments, "distance": draw.uniform(100, 2000, 10**6)})
    path = tmp_path / "in.parquet"
    rows.assign(origin="EWR", carrier="UA").to_parquet(path, row_group_size=100_000, index=False)
    before = pa.total_allocated_bytes()
    _, pieces = score.read_parquet(str(path), FLIGHTS.features)
    held = [pa.total_allocated_bytes() - before for _ in pieces]
    assert len(held) == 10 and max(held) < path.stat().st_size


def test_a_csv_file_is_not_read_far_ahead(tmp_path):
    "Of 111 MB less than 70 are held at any time: a batch, and the blocks behind it."
    path = tmp_path / "in.csv"
    path.write_text(f"{HEADER}\n" + f"{LINE}\n" * 3_000_000)
    before = pa.total_allocated_bytes()
    _, pieces = score.read_csv(str(path), FLIGHTS.features, ",")
    held = [pa.total_allocated_bytes() - before for _ in pieces]
    assert len(held) > 10 and max(held) < 70e6 < path.stat().st_size


@pytest.mark.parametrize("target", ["out.csv", "out.parquet", "out.ndjson"])
def test_warnings_about_two_columns_stand_beside_their_row(tmp_path, target):
    "Both in one row, one in another, and none in a third."
    places = [("XWR", "XX"), ("JFK", "UA"), ("XWR", "UA"), ("JFK", "XX")]
    lines = [f"2023-07-05T18:30:00-04:00,{origin},{carrier},719" for origin, carrier in places]
    (tmp_path / "in.csv").write_text("\n".join([HEADER, *lines]))
    done = score_table(FLIGHTS, str(tmp_path / "in.csv"), str(tmp_path / target))
    assert done == (4, 4, 0, 3)
    path, read = tmp_path / target, {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if target == "out.ndjson":
        lines = map(json.loads, path.read_bytes().splitlines())
        found = ["; ".join(each["warnings"]) for each in lines]
    else:
        found = read[path.suffix](path)["warnings"].fillna("").tolist()
    airport, airline = 'origin: unknown category "XWR"', 'carrier: unknown category "XX"'
    assert found == [f"{airport}; {airline}", "", airport, airline]


@posix
def test_a_file_that_cannot_grow_is_named_with_the_systems_reason(tmp_path):
    "As a full disk would be, and not as a file of another kind; nothing is left behind."
    (tmp_path / "in.csv").write_text("\n".join([HEADER, *[LINE] * 5000]))
    command = [sys.executable, "-m", "mlprod.cli", "score", "in.csv", "out.csv"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh", *command, "--artifacts", str(ARTIFACTS)],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr == "mlprod: out.csv: File too large\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("target", ["out.csv", "out.parquet", "out.ndjson"])
def test_texts_may_be_views(tmp_path, target):
    "As polars writes them; the output has plain ones."
    table = pa.table({name: [value] * 3 for name, value in GOOD.items()})
    views = {"origin": pa.string_view(), "carrier": pa.string_view()}
    fields = [(each.name, views.get(each.name, each.type)) for each in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), tmp_path / "in.parquet")
    done = score_table(FLIGHTS, str(tmp_path / "in.parquet"), str(tmp_path / target))
    assert done == (3, 3, 0, 0)
    if target == "out.parquet":
        assert pq.read_schema(tmp_path / target).field("origin").type == pa.string()


@posix
def test_what_is_closed_is_said_and_no_file_gets_its_number(tmp_path):
    "Scores never go to the rejected records, because these were opened in their place."
    (tmp_path / "in.ndjson").write_bytes(json.dumps(GOOD).encode() + b"\n")
    words = ["-m", "mlprod.cli", "score", "--artifacts", str(ARTIFACTS)]
    score_it = shlex.join([sys.executable, *words])
    for words, status, said in (
        ("in.ndjson - --rejects bad.csv >&-", 1, "standard output: expected it to be open"),
        ("- out.csv <&-", 1, "standard input: expected it to be open"),
        ("in.ndjson good.csv --rejects bad.csv 2>&-", 0, ""),
    ):
        done = subprocess.run(
            f"{score_it} {words}", shell=True, cwd=tmp_path, text=True, capture_output=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert (done.returncode, said in done.stderr) == (status, True), done
    assert not (tmp_path / "out.csv").exists()
    assert (tmp_path / "bad.csv").read_text() == "record,column,reason,text\n"


@pytest.mark.parametrize("target", ["out.parquet", "out.csv", "out.ndjson"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.timestamp("us", "Asia/Tokyo"), 253402300799 * 10**6),  # the last second of 9999
        (pa.timestamp("us", "America/New_York"), -62135596800 * 10**6),  # the first of year 1
        (pa.timestamp("s", "UTC"), 10**15),
    ],
)
def test_a_moment_beyond_the_calendar_is_one_bad_record(tmp_path, target, kind, value):
    "As what many programs write for never; in a column that no feature needs it is passed on."
    moments = pa.array([1688581800 * (1 if kind.unit == "s" else 10**6), value]).cast(kind)
    others = pa.array([*[1688581800] * 2]).cast(pa.timestamp("s", "UTC"))
    names = ["departs_at", "origin", "carrier", "distance", "tail"]
    for at, tail, wanted in ((moments, others, (2, 1, 1, 0)), (others, moments, (2, 2, 0, 0))):
        columns = [at, pa.array(["EWR"] * 2), pa.array(["UA"] * 2), pa.array([719.0] * 2), tail]
        pq.write_table(pa.table(columns, names), tmp_path / "in.parquet")
        places = [str(tmp_path / name) for name in ("in.parquet", target, "bad.csv")]
        assert score_table(FLIGHTS, *places) == wanted


def test_wide_rows_and_long_texts_make_smaller_batches(tmp_path):
    "A batch has 13 MB at most; and texts that are all different are not numbered."
    n_rows, draw = 30_000, np.random.default_rng(0)
    texts = [bytes(line).hex() for line in draw.integers(0, 256, (n_rows, 1000), "uint8")]
    rows = pd.DataFrame({"departs_at": pd.Timestamp("2023-07-05T18:30Z"), "distance": 719.0,
                         "origin": "EWR", "carrier": "UA", "tail": texts})  # fmt: skip
    path = tmp_path / "in.parquet"
    rows.to_parquet(path, index=False)
    before = pa.total_allocated_bytes()
    _, pieces = score.read_parquet(str(path), FLIGHTS.features)
    sizes, held = [], []
    for piece in pieces:
        sizes.append(piece.n)
        held.append(pa.total_allocated_bytes() - before)
    assert sum(sizes) == n_rows and 5_000 < max(sizes) < 7_000
    assert max(held) < 40e6 < path.stat().st_size


def test_a_letter_with_many_commas_is_no_open_quote(tmp_path):
    "Its lines are no records: none has just as many commas, nor have its ends together."
    letter = '"Dear all,\none, two, three, four, five, six,\n\nyours, A, B, C, D and E"'
    outcome, records, _ = score_text(tmp_path, f"{HEADER},tail\n{LINE},{letter}\n{LINE},x\n")
    assert outcome == (2, 2, 0, 0) and records[0]["tail"] == letter.strip('"')


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_header_alone_is_a_table_without_records(tmp_path, end):
    "With the end of its line or without."
    assert score_text(tmp_path, HEADER + end)[0] == (0, 0, 0, 0)
