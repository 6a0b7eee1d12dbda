"""The demo says in a browser what the app says: the same codes, scores and refusals."""

import base64
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import onnx
import pandas as pd
import pytest
from browser import open_browser
from make_demos import ESTIMATORS, SMALLER, compare, make_projects, read_floats, run, score_file

from mlprod.app.model import ArtifactError, load_artifact
from mlprod.app.pages import write_figures
from mlprod.app.rows import check_rows, encode_rows, find_problems
from mlprod.demo import describe_demo, list_transitions, make_vectors, write_demo
from mlprod.frames import to_json_rows
from mlprod.package import run_model

MODELS = {  # estimator, threshold, interval
    "flights": ("random_forest", "the score of a row"), "penguins": ("logistic",),
    "progression": ("linear", 180.0, 70.0), "awkward": ("logistic", 0.5),
}  # fmt: skip


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    "Two labels, several labels, an amount, and a table made to be awkward."
    return make_projects(tmp_path_factory.mktemp("projects"))


@pytest.fixture(scope="module")
def demos(projects, tmp_path_factory):
    "The artifact and the demo's page of each project."
    folder, made = tmp_path_factory.mktemp("demos"), {}
    for name, (estimator, *numbers) in MODELS.items():
        project = projects[name]
        model = project.train(estimator)
        if name == "flights":
            numbers = [float(np.sort(run_model(model, project.matrix)[:, -1])[200])]
        path = project.save(folder / "artifacts" / name, model, *numbers)
        made[name] = load_artifact(path), write_demo(path, folder / name)
    return made


@pytest.fixture(params=["Chromium", "Firefox"])
def browser(request):
    return open_browser(request.param)


def open_demo(browser, demos, name):
    "Open a project's demo from the disk; return its artifact."
    artifact, page = demos[name]
    browser.open(page.as_uri())
    return artifact


@pytest.mark.parametrize("name,estimator", ESTIMATORS)
def test_scores_are_those_of_onnx_runtime(name, estimator, projects, demos, browser):
    "Within 5e-7 over 1,000 hard rows, an amount relative to its size, and no decision differs."
    open_demo(browser, demos, "flights")
    model = projects[name].train(estimator, **SMALLER.get(estimator, {}))
    difference, flips = compare(browser, projects[name], model)
    assert difference <= 5e-7
    assert flips == 0


# --- values and codes


@pytest.fixture(scope="module")
def vectors(projects):
    "Each project's table of vectors, as JSON."
    return {name: json.dumps(make_vectors(project.page)) for name, project in projects.items()}


def make_row(vector, example):
    "The example, with the value of a vector in its column."
    row = {name: value for name, value in example.items() if name != vector["column"]}
    return row | ({vector["column"]: vector["value"]} if "value" in vector else {})


def same_codes(vector, codes):
    "Whether codes are those of a vector, as float32; none is NaN."
    expected = [np.nan if code is None else code for code in vector["codes"].values()]
    got = [np.nan if codes[name] is None else codes[name] for name in vector["codes"]]
    return np.array_equal(np.float32(got), np.float32(expected), equal_nan=True)


def test_the_table_of_vectors_holds_for_python(demos, vectors):
    "Each value has the codes that the table says, or is refused for its reason."
    for name, text in vectors.items():
        artifact, table = demos[name][0], json.loads(text)
        features = artifact.features
        for vector in table:
            row = make_row(vector, artifact.example)
            problems = list(find_problems([row], features))
            refused = [vector["refused"]] if "refused" in vector else []
            assert [each.reason for each in problems] == refused, vector
            if not refused:
                codes = encode_rows(check_rows([row], features), features)[0][0]
                assert same_codes(vector, dict(zip(features.names, codes, strict=True))), vector
        assert {vector.get("refused") for vector in table} == {None, "missing", "type", "range"}
    assert any("python" in vector for vector in json.loads(vectors["flights"]))


ENCODE = """
return JSON.stringify(JSON.parse(TABLE).map((vector) => {
  const row = demoPage.columns.map(({ name }) => demoPage.example[name]);
  row[demoPage.columns.findIndex(({ name }) => name === vector.column)] = vector.value;
  const { matrix, problems, warnings } = rows.encode([row], demoPage);
  const codes = Array.from(matrix, (code) => Number.isNaN(code) ? null : code);
  return { codes, problems, warnings };
}));
"""


def tell(problems):
    "Columns, reasons and texts of problems, Python's or the page's."
    problems = [each if isinstance(each, dict) else each._asdict() for each in problems]
    return [(each["column"], each["reason"], each["text"]) for each in problems]


@pytest.mark.parametrize("name", MODELS)
def test_the_table_of_vectors_holds_for_the_page(name, demos, vectors, browser):
    "The same codes, reasons and, of texts, the same words; what is left to Python is refused."
    artifact = open_demo(browser, demos, name)
    features = artifact.features
    answers = json.loads(run(browser, f"const TABLE = {json.dumps(vectors[name])}; {ENCODE}"))
    for vector, answer in zip(json.loads(vectors[name]), answers, strict=True):
        row, problems = make_row(vector, artifact.example), answer["problems"]
        refused = "type" if "python" in vector else vector.get("refused")
        assert [each["reason"] for each in problems] == ([refused] if refused else []), vector
        is_text = isinstance(vector.get("value", ""), str | None)
        if not refused:
            codes = dict(zip(features.names, answer["codes"], strict=True))
            assert same_codes(vector, codes), vector
            unknown = encode_rows(check_rows([row], features), features)[1]
            assert len(answer["warnings"]) == len(unknown)
            assert not is_text or tell(answer["warnings"]) == tell(unknown), vector
        elif is_text and "python" not in vector:
            assert tell(problems) == tell(find_problems([row], features)), vector


READ_PARTS = """
const features = ["hour", "weekday", "day", "month"].map((part) => ({ column: 0, part }));
const page = { features, columns: demoPage.columns.filter(({ kind }) => kind === "moment") };
const table = SECONDS.map((utc) => [new Date(utc * 1000).toISOString()]);
return toText(rows.encode(table, page).matrix);
"""


@pytest.mark.parametrize("name,years", [("flights", (2013, 2034)), ("awkward", (2010, 2031))])
def test_local_times_are_those_of_zoneinfo(name, years, demos, browser):
    "New York and Casablanca: every 13 hours of 21 years, and around each change of the clocks."
    columns = open_demo(browser, demos, name).features.columns.values()
    zone = next(column.zone for column in columns if column.zone)
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
    seconds = list(range(int(first.timestamp()), int(last.timestamp()), 13 * 3600))
    changes = [utc for utc, _ in list_transitions(zone, first, last)[1:]]
    assert len(changes) >= 40
    seconds += [utc + away for utc in changes for away in (-1, 0, 1)]
    got = read_floats(run(browser, f"const SECONDS = {json.dumps(seconds)}; {READ_PARTS}"))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [(epoch + timedelta(seconds=utc)).astimezone(zone) for utc in seconds]
    parts = [(at.hour, at.weekday(), at.timetuple().tm_yday, at.month) for at in moments]
    assert (got.reshape(-1, 4) == np.array(parts)).all()


@pytest.mark.parametrize("name", ["America/New_York", "Africa/Casablanca", "Asia/Kathmandu",
                                  "Pacific/Apia", "Africa/Monrovia"])  # fmt: skip
def test_the_transitions_say_what_zoneinfo_says(name):
    "Every 11 hours of sixty years: half hours, a day left out, offsets with seconds."
    zone, epoch = ZoneInfo(name), datetime(1970, 1, 1, tzinfo=UTC)
    first, last = datetime(1969, 6, 1, tzinfo=UTC), datetime(2029, 6, 1, tzinfo=UTC)
    utc, offsets = np.array(list_transitions(zone, first, last)).T
    seconds = np.arange(int(first.timestamp()), int(last.timestamp()), 11 * 3600)
    got = offsets[np.searchsorted(utc, seconds, side="right") - 1]
    moments = [(epoch + timedelta(seconds=at)).astimezone(zone) for at in seconds.tolist()]
    assert got.tolist() == [at.utcoffset().total_seconds() for at in moments]


# --- the form


def read_answer(browser):
    "The paragraphs of the answer."
    return browser.ask("document.getElementById('demo-answer').innerText").split("\n\n")


def field(name):
    "A field of the form, in JavaScript."
    return f"document.querySelector('#demo-form [data-name={json.dumps(name)}]')"


def fill(browser, **texts):
    "Write texts into fields of the form, and send it."
    for name, text in texts.items():
        browser.ask(f"{field(name)}.value = {json.dumps(text)}")
    browser.ask("document.getElementById('demo-form').requestSubmit()")


@pytest.mark.parametrize("name", MODELS)
def test_the_form_answers_as_the_app_does(name, demos, browser):
    "Score, decision, bars, or an amount with its interval; nothing is asked of the network."
    artifact = open_demo(browser, demos, name)
    (answer,), scores = artifact.predict(check_rows([artifact.example], artifact.features), "x")
    lines = read_answer(browser)
    assert lines[0].lower() == answer.decision.lower()
    if name == "penguins":
        bars = "[...document.querySelectorAll('.demo-score')]"
        widths = browser.ask(f"{bars}.map((bar) => bar.getAttribute('width'))")
        assert widths == [f"{100 * score:.1f}%" for score in scores[0].tolist()]
    elif name == "progression":
        assert f"{answer.score:.0f} points" in lines[1] and "± 70 points" in lines[2]
    else:
        assert f"Score {write_figures(artifact, answer.score)['score']}, " in lines[1]
    assert "Nothing is sent anywhere" in browser.ask("document.getElementById('demo').innerText")
    loaded = browser.ask("performance.getEntriesByType('resource').map((each) => each.name)")
    assert {each.rpartition("/")[0] for each in loaded} <= {demos[name][1].parent.as_uri()}
    assert browser.errors == []


def test_a_problem_stands_beside_its_field(demos, browser):
    "What was expected, marked for screen readers; the first has the focus. Then it is gone."
    open_demo(browser, demos, "flights")
    fill(browser, distance="far", departs_at="2013-03-10T02:30")
    described = f"{field('distance')}.getAttribute('aria-describedby').split(' ')[1]"
    text = browser.ask(f"document.getElementById({described}).textContent")
    assert text == 'expected a number from 10 to 6000, got "far"'
    assert browser.ask("document.activeElement.dataset.name") == "departs_at"
    form = browser.ask("document.getElementById('demo-form').innerText")
    assert "expected a time that clocks in America/New_York show" in form
    assert read_answer(browser)[0] == "2 fields need another look"
    invalid = f"{field('distance')}.getAttribute('aria-invalid')"
    assert browser.ask(invalid) == "true"
    fill(browser, distance="719", departs_at="2013-03-10T03:30")
    assert browser.ask(invalid) is None
    assert read_answer(browser)[0] in ("Act", "Leave")


def test_an_unknown_category_is_scored_with_a_warning(demos, browser):
    "As in the app."
    open_demo(browser, demos, "flights")
    fill(browser, carrier="another")
    lines = read_answer(browser)
    assert lines[0] in ("Act", "Leave")
    assert lines[-1].startswith('Warning: carrier: unknown category "another".')


@pytest.mark.parametrize("browser", ["Chromium"], indirect=True)
def test_the_keyboard_reaches_everything(demos, browser):
    "Each field has a label; Tab goes through them, the button and the choice of a file."
    artifact = open_demo(browser, demos, "penguins")
    inputs = "[...document.querySelectorAll('#demo input, #demo select')]"
    assert browser.ask(f"{inputs}.every((each) => each.labels.length === 1)")
    here, reached = "document.activeElement", []
    for _ in range(len(artifact.features.columns) + 2):
        browser.press("Tab")
        reached.append(browser.ask(f"{here}.dataset.name || {here}.id || {here}.tagName"))
    assert reached == [*artifact.features.columns, "BUTTON", "demo-csv"]
    browser.ask("document.querySelector('#demo-form button').focus()")
    browser.ask("document.getElementById('demo-answer').replaceChildren()")
    browser.press("Enter", "\r")
    assert read_answer(browser)[0] == "Gentoo"
    assert browser.ask("document.getElementById('demo-answer').getAttribute('role')") == "status"


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_screen(width, demos, browser):
    "Nothing has to be scrolled sideways."
    open_demo(browser, demos, "flights")
    browser.resize(width)
    assert browser.ask("document.documentElement.scrollWidth") <= width


# --- a file


def to_csv(rows, **form):
    "Rows as a CSV file."
    return pd.DataFrame(rows).to_csv(index=False, **form).encode()


def test_a_file_is_scored_as_the_app_would(demos, projects, browser):
    "Every row comes back in its place, with the app's score or what is wrong; no formula does."
    artifact, project = open_demo(browser, demos, "flights"), projects["flights"]
    good = to_json_rows(project.rows, project.features)
    rows = [dict(good[number % len(good)]) for number in range(2000)]
    expected, _ = artifact.predict(check_rows(rows, artifact.features), "x")
    rows[3]["distance"], rows[5]["carrier"] = "far", "=cmd()"
    answer = score_file(browser, to_csv(rows))
    table = list(csv.DictReader(io.StringIO(answer["content"])))
    assert answer["name"] == "table-scored.csv"
    assert answer["text"].startswith("1,999 of 2,000 rows scored in ")
    assert "1 of them with a warning.\n\nrow 4: distance: expected a number" in answer["text"]
    assert table[3]["problem"] == 'distance: expected a number from 10 to 6000, got "far"'
    assert table[3]["score"] == table[3]["decision"] == ""
    assert table[5]["warnings"] == 'carrier: unknown category "=cmd()"'
    assert table[5]["carrier"] == "'=cmd()"
    lines = [line for place, line in enumerate(zip(table, expected, rows, strict=True))
             if place not in (3, 5)]  # fmt: skip
    assert max(abs(float(got["score"]) - ours.score) for got, ours, _ in lines) <= 5e-7
    assert all(got["decision"] == ours.decision for got, ours, _ in lines)
    assert all(got["departs_at"] == row["departs_at"] for got, _, row in lines)
    assert answer["ticks"] >= 3 and answer["shown"] > 0  # the page could act meanwhile


def test_a_file_may_be_written_in_other_ways(demos, browser):
    "Quotes, line breaks in them, semicolons, a byte order mark, blank lines, words for nothing."
    artifact = open_demo(browser, demos, "awkward")
    rows = [
        {"seen_at": "2024-05-31T18:00:00+00:00", "name": "NA", "hidden": 1.5},
        {"seen_at": None, "name": "\U0001f427", "hidden": None},
        {"seen_at": "2024-05-31", "name": 'a "quoted"; name\nof two lines', "hidden": -2.0},
    ]
    matrix, _ = encode_rows(check_rows(rows, artifact.features), artifact.features)
    answer = score_file(browser, b"\xef\xbb\xbf" + to_csv(rows, sep=";", na_rep="NaN") + b"\n \n")
    table = list(csv.DictReader(io.StringIO(answer["content"], newline=""), delimiter=";"))
    assert [each["problem"] for each in table] == [""] * 3
    scores = [float(each["score"]) for each in table]
    assert np.abs(scores - artifact.score(matrix)[:, 1]).max() <= 5e-7
    assert (table[2]["name"], table[2]["hidden"]) == (rows[2]["name"], "-2.0")


HEADER = b"departs_at,origin,carrier,distance"


@pytest.mark.parametrize("content,says", [
    (b"origin,carrier,distance\n1,2,3\n", "departs_at: expected a value, got no such column"),
    (HEADER + b",gate\n1,2,3,4,5\n", "gate: expected no such column, got one"),
    (HEADER + b",distance\n1,2,3,4,5\n", "distance: expected one such column, got 2"),
    (HEADER + b"\n", "expected a line of names and rows below it, got none"),
    (b"", "expected a line of names and rows below it, got none"),
    (HEADER + b'\n"2013,EWR,EV,719\n', "record 1: expected a quote that closes, got none"),
    (b"\xff\xfe\x00", "expected a text file in UTF-8, got something else"),
    (HEADER + b"\n" + b",,,\n" * 50_001, "expected at most 50000 rows, got 50001"),
])  # fmt: skip
def test_a_file_that_cannot_be_scored_is_refused(content, says, demos, browser):
    "In one line: its name, what was expected, and what arrived."
    open_demo(browser, demos, "flights")
    answer = score_file(browser, content)
    assert answer["text"] == f"table.csv: {says}"
    assert "content" not in answer


def test_a_line_with_too_few_values_is_refused(demos, browser):
    "As in the app: nothing is filled in."
    open_demo(browser, demos, "flights")
    answer = score_file(browser, HEADER + b"\n2013-07-05T18:30,EWR,EV,719\n2013-07-05T18:30,EWR\n")
    assert "row 2: expected 4 values, got 2" in answer["text"]
    assert answer["text"].startswith("1 of 2 rows scored")


# --- what is not ours


def test_text_of_a_contract_is_never_run(projects, browser, tmp_path):
    "Markup in titles, descriptions and categories stays text, and scripts in it do not run."
    text = "</script><img src=x onerror='document.title=1'><script>document.title=1</script>"
    project = make_projects(tmp_path / "projects")["penguins"]
    page, island = project.page, project.page["columns"]["island"]
    page["title"] = page["question"] = page["decision"]["owner"] = text
    island["description"] = island["unit"] = island["values"][0] = island["example"] = text
    path = project.save(tmp_path / "artifacts", project.train("logistic"))
    browser.open(write_demo(path, tmp_path / "to").as_uri())
    assert browser.ask("document.title") == text
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert text in browser.ask("document.getElementById('demo').innerText")
    assert browser.errors == []


def test_a_model_with_an_unknown_operator_points_to_the_app(projects, browser, tmp_path):
    "It is refused when it is loaded, by the operator's name, and there is no form."
    project = projects["penguins"]
    model = onnx.load_from_string(project.train("logistic"))
    model.graph.node[-1].output[0] = "almost"
    model.graph.node.append(onnx.helper.make_node("Clip", ["almost"], ["scores"]))
    path = project.save(tmp_path / "artifacts", model.SerializeToString())
    app = "https://app.example.com/"
    browser.open(write_demo(path, tmp_path / "to", app=app).as_uri())
    assert read_answer(browser)[-1] == "model: expected a known operator, got Clip"
    assert browser.ask("document.querySelector('#demo-answer a').href") == app
    assert browser.ask("document.getElementById('demo-form').hidden")


def test_only_a_whole_artifact_becomes_a_demo(demos, tmp_path):
    "One whose model was changed is refused, and nothing is written."
    artifact, page = demos["flights"]
    folder = page.parent.parent / "artifacts" / "flights" / artifact.version
    model = (folder / "model.onnx").read_bytes()
    assert base64.b64decode(describe_demo(folder)["model"]) == model
    (tmp_path / artifact.version).mkdir()
    for path in folder.iterdir():
        content = path.read_bytes() + b" " * (path.name == "model.onnx")
        (tmp_path / artifact.version / path.name).write_bytes(content)
    with pytest.raises(ArtifactError, match="model.onnx"):
        write_demo(tmp_path / artifact.version, tmp_path / "to")
    assert not (tmp_path / "to").exists()
