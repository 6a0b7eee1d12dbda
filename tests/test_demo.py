"""The demo says in a browser what the app says: the same codes, scores and refusals, from a disk too."""

import base64
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import onnx
import pandas as pd
import pytest
from browser import CHROMIUM, open_browser
from make_amounts import sign
from tables import write_amounts, write_project

from mlprod.app.drift import make_reference
from mlprod.app.model import ArtifactError, load_artifact
from mlprod.app.rows import check_rows, encode_rows, find_problems, read_features
from mlprod.contract import read_contract
from mlprod.data import read_rows, take_labels
from mlprod.demo import describe_demo, list_transitions, make_vectors, write_demo
from mlprod.frames import encode_frame, to_json_rows
from mlprod.package import FILES, convert_model, decide, run_model
from mlprod.train import CLASSIFIERS, REGRESSORS, Trained, fit_estimator, make_estimator

ROOT = Path(__file__).resolve().parent.parent
browser_only = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")


def write_awkward(folder):
    "A project whose categories are numbers, booleans and rare letters, all of them optional."
    random, n_rows = np.random.default_rng(6), 200
    names = ["10", "9", "true", "\ufb01", "\U0001f427", "é", "__proto__", "=1+1", "NA", "Z", "a"]
    rows = pd.DataFrame({
        "seen_at": pd.to_datetime("2024-01-01T00:30Z") + pd.to_timedelta(np.arange(n_rows), "D"),
        "name": random.choice(names, n_rows), "size": random.normal(0, 1, n_rows),
        "answer": random.choice(["no", "yes"], n_rows),
    })  # fmt: skip
    says = {
        "seen_at": {
            "may_be_missing": True, "timezone": "Africa/Casablanca",
            "range": ["2010-01-01T00:00:00Z", "2031-01-01T00:00:00Z"],
        },
        "name": {"may_be_missing": True, "values": names},
        "size": {"may_be_missing": True, "range": [-10, 10]},
    }  # fmt: skip
    parts = [f"seen_at.{part}" for part in ("hour", "weekday", "day", "month")]
    target = {"name": "answered", "from": "answer", "labels": ["no", "yes"]}
    more = {"features": [*parts, "name", "size"]}
    return write_project(folder, "awkward", rows, target, more, says)


SMALLER = {  # models of the same kind, for less time
    "random_forest": {"n_estimators": 15}, "extra_trees": {"n_estimators": 15},
    "gradient_boosting": {"n_estimators": 20}, "hist_gradient_boosting": {"max_iter": 20},
    "calibrated": {"max_iter": 10}, "mlp": {"max_iter": 10},
}  # fmt: skip


class Project:
    "A project's contract, and its first rows encoded."

    def __init__(self, path, n_rows=300):
        self.contract = read_contract(path)
        self.page = self.contract.model_dump(mode="json", by_alias=True)
        self.features = read_features(self.page)
        rows = read_rows(path.parent / (self.contract.data.sample or self.contract.data.rows),
                         self.contract)  # fmt: skip
        amounts = take_labels(rows, self.contract)
        known = np.flatnonzero(~np.isnan(amounts))
        known = known[:: max(1, len(known) // n_rows)][:n_rows]
        self.rows, amounts = rows.iloc[known], amounts[known]
        self.matrix = encode_frame(self.rows[list(self.features.columns)], self.features)[0]
        self.amounts = amounts.astype("int64") if self.contract.target.labels else amounts
        self.size = 1.0 if self.contract.target.labels else float(np.sqrt(np.mean(amounts**2)))

    def train(self, name):
        "Train a model and convert it."
        estimator = make_estimator(
            name, self.features, 0, self.contract.task, **SMALLER.get(name, {})
        )
        estimator = fit_estimator(name, estimator, self.matrix, self.amounts)
        labels = list(self.contract.target.labels)
        return convert_model(
            Trained(name, estimator, self.features, labels, {}, 0, self.amounts, self.amounts)
        )

    def save(self, folder, model, threshold=None, interval=None):
        "Save an artifact; return its folder."
        reference = make_reference(self.matrix, run_model(model, self.matrix), self.page)
        files = dict.fromkeys(FILES, b"{}") | {
            "model.onnx": model, "contract.json": json.dumps(self.page).encode(),
            "reference.json": json.dumps(reference).encode(),
        }  # fmt: skip
        numbers = {"threshold": threshold, "interval": interval}
        return folder / sign(folder, files, project=self.page["project"], **numbers)


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    "Two labels, several labels, an amount, and a table made to be awkward."
    folder = tmp_path_factory.mktemp("projects")
    paths = [ROOT / "data" / name / "contract.yaml" for name in ("flights", "penguins")]
    paths += [write_amounts(folder), write_awkward(folder)]
    return {path.parent.name: Project(path) for path in paths}


MODELS = {"flights": "hist_gradient_boosting", "penguins": "logistic", "progression": "linear",
          "awkward": "logistic"}  # fmt: skip
RULES = {"flights": (0.3, None), "progression": (180.0, 70.0), "awkward": (0.5, None)}


@pytest.fixture(scope="module")
def demos(projects, tmp_path_factory):
    "The artifact and the demo's page of each project."
    folder, made = tmp_path_factory.mktemp("demos"), {}
    for name, project in projects.items():
        path = project.save(
            folder / "artifacts" / name, project.train(MODELS[name]), *RULES.get(name, ())
        )
        made[name] = load_artifact(path), write_demo(path, folder / name)
    return made


@pytest.fixture
def browser():
    "The browser, without the complaints of the tests before."
    page = open_browser()
    page.resize(1280)
    page.errors.clear()
    return page


def open_demo(browser, demos, name):
    "Open a project's demo from the disk; return its artifact."
    artifact, page = demos[name]
    browser.open(page.as_uri())
    return artifact


def to_text(array):
    "The bytes of an array, as text."
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def read_floats(text):
    "An array of what the browser has sent as text."
    return np.frombuffer(base64.b64decode(text), "float32")


SEND = """
const toBytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
const toText = (floats) => {
  const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
};
"""


def run(browser, script):
    "Run statements that return something, with helpers for arrays of numbers."
    return browser.ask(f"(async () => {{ {SEND} {script} }})()")


def make_hard(project, model, n_rows=1000):
    "Rows of a project with gaps, unknown categories, and both sides of every threshold of a tree."
    random = np.random.default_rng(7)
    matrix = project.matrix[random.integers(0, len(project.matrix), n_rows)].copy()
    for place, feature in enumerate(project.features.names):
        column = project.features.columns.get(feature)
        odd = random.random(n_rows) < 0.05
        if column and column.kind == "category":
            matrix[odd, place] = random.choice([-1, -2], odd.sum())
        else:
            matrix[odd, place] = np.nan
    for node in onnx.load_from_string(model).graph.node:
        given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if "nodes_values" in given:
            branches = np.flatnonzero(np.array(given["nodes_modes"]) != b"LEAF")
            branches = random.permutation(branches)[: n_rows // 2]
            values = np.array(given["nodes_values"], "float32")[branches]
            places = np.array(given["nodes_featureids"])[branches]
            rows = random.integers(0, n_rows, len(branches))
            matrix[rows, places] = values
            rows = random.integers(0, n_rows, len(branches))
            matrix[rows, places] = np.nextafter(values, np.float32(np.inf))
    return matrix


ESTIMATORS = [(name, each) for name in ("flights", "penguins") for each in CLASSIFIERS]
ESTIMATORS += [("progression", each) for each in REGRESSORS]


def compare(browser, project, estimator):
    "Score hard rows by ONNX Runtime and in the browser: the largest difference, and flips."
    model = project.train(estimator)
    matrix = make_hard(project, model)
    ours = run_model(model, matrix)
    theirs = read_floats(run(browser, f"""
        const matrix = new Float32Array(toBytes("{to_text(matrix)}").buffer);
        const run = onnx.load(toBytes("{base64.b64encode(model).decode()}"));
        return toText(run(matrix, {len(matrix)}, {matrix.shape[1]}).data);
    """)).reshape(ours.shape)  # fmt: skip
    several = project.contract.task == "multiclass"
    threshold = None if several else round(float(np.quantile(ours[:, -1], 0.9)), 6)
    flips = int((decide(ours, threshold) != decide(theirs, threshold)).sum())
    return float(np.abs(ours - theirs).max()) / project.size, flips


@browser_only
@pytest.mark.parametrize("name,estimator", ESTIMATORS)
def test_scores_are_those_of_onnx_runtime(name, estimator, projects, demos, browser):
    "Within 5e-7 over 1,000 hard rows, an amount relative to its size, and no decision differs."
    open_demo(browser, demos, "flights")
    difference, flips = compare(browser, projects[name], estimator)
    assert difference <= 5e-7
    assert flips == 0


def is_code(got, code):
    "Whether a number of the matrix is a code as float32; no code is NaN."
    return bool(np.isnan(got)) if code is None else got == np.float32(code)


@pytest.fixture(scope="module")
def vectors(projects):
    "Each project's table of vectors, as JSON."
    return {name: json.dumps(make_vectors(project.page)) for name, project in projects.items()}


def make_row(vector, example):
    "The example, with the value of a vector in its column."
    row = {name: value for name, value in example.items() if name != vector["column"]}
    return row | ({vector["column"]: vector["value"]} if "value" in vector else {})


def test_the_table_of_vectors_holds_for_python(projects, vectors):
    "Each value has the codes that the table says, or is refused for its reason."
    for name, project in projects.items():
        features, table = project.features, json.loads(vectors[name])
        example = {each: project.page["columns"][each]["example"] for each in features.columns}
        for vector in table:
            row = make_row(vector, example)
            problems = list(find_problems([row], features))
            refused = [vector["refused"]] if "refused" in vector else []
            assert [each.reason for each in problems] == refused, vector
            if not problems:
                codes = encode_rows(check_rows([row], features), features)[0][0]
                got = dict(zip(features.names, codes, strict=True))
                assert all(is_code(got[each], code) for each, code in vector["codes"].items()), vector
        reasons = {vector.get("refused") for vector in table}
        assert reasons == {None, "missing", "type", "range"}
    assert any(vector.get("python") for vector in json.loads(vectors["flights"]))


@browser_only
def test_the_table_of_vectors_holds_for_the_page(demos, vectors, browser):
    "The same table, in a browser: the same codes, reasons and words; the formats that it leaves to Python are refused."
    for name, text in vectors.items():
        artifact = open_demo(browser, demos, name)
        features = artifact.features
        got = json.loads(run(browser, f"""
            return JSON.stringify(JSON.parse({json.dumps(text)}).map((vector) => {{
              const row = demoPage.columns.map(({{ name }}) => demoPage.example[name]);
              row[demoPage.columns.findIndex(({{ name }}) => name === vector.column)] = vector.value;
              const {{ matrix, problems, warnings }} = rows.encode([row], demoPage);
              return {{ codes: Array.from(matrix, (code) => Number.isNaN(code) ? null : code), problems, warnings }};
            }}));
        """))  # fmt: skip
        for vector, answer in zip(json.loads(text), got, strict=True):
            row, problems = make_row(vector, artifact.example), answer["problems"]
            if vector.get("python"):
                assert [each["reason"] for each in problems] == ["type"], vector
                continue
            ours = list(find_problems([row], features))
            assert [each["reason"] for each in problems] == [each.reason for each in ours], vector
            if isinstance(vector.get("value"), str) or vector.get("value", 0) is None:
                assert [each["text"] for each in problems] == [each.text for each in ours], vector
            if not problems:
                codes = dict(zip(features.names, answer["codes"], strict=True))
                matrix, unknown = encode_rows(check_rows([row], features), features)
                assert all(codes[each] == (code if code is None else np.float32(code))
                           for each, code in vector["codes"].items()), vector  # fmt: skip
                assert [(each["column"], each["text"]) for each in answer["warnings"]] == [each[1:3] for each in unknown] or not isinstance(vector["value"], str), vector


@browser_only
@pytest.mark.parametrize("zone,years", [("America/New_York", (2013, 2034)),
                                        ("Africa/Casablanca", (2010, 2031))])  # fmt: skip
def test_local_times_are_those_of_zoneinfo(zone, years, demos, browser):
    "Every 13 hours of 21 years, and a second on both sides of each change of the clocks."
    name = {"America/New_York": "flights", "Africa/Casablanca": "awkward"}[zone]
    artifact = open_demo(browser, demos, name)
    place = list(artifact.features.columns).index("departs_at" if name == "flights" else "seen_at")
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
    epoch, start = datetime(1970, 1, 1, tzinfo=UTC), int(first.timestamp())
    seconds = list(range(start, int(last.timestamp()), 13 * 3600))
    changes = [utc for utc, _ in list_transitions(ZoneInfo(zone), first, last)[1:]]
    assert len(changes) >= 40
    seconds += [utc + away for utc in changes for away in (-1, 0, 1)]
    moments = [(epoch + timedelta(seconds=utc)).astimezone(ZoneInfo(zone)) for utc in seconds]
    parts = ["hour", "weekday", "day", "month"]
    got = read_floats(run(browser, f"""
        const features = {json.dumps(parts)}.map((part) => ({{ column: {place}, part }}));
        const page = {{ ...demoPage, features }};
        const table = {json.dumps(seconds)}.map((utc) => {{
          const row = demoPage.columns.map(({{ name }}) => demoPage.example[name]);
          row[{place}] = new Date(utc * 1000).toISOString();
          return row;
        }});
        return toText(rows.encode(table, page).matrix);
    """)).reshape(-1, 4)  # fmt: skip
    expected = [(each.hour, each.weekday(), each.timetuple().tm_yday, each.month) for each in moments]
    assert (got == np.array(expected)).all()


def read_answer(browser):
    "The lines of the answer."
    return browser.ask("document.getElementById('demo-answer').innerText").split("\n\n")


def fill(browser, **texts):
    "Write texts into fields of the form, and send it."
    for name, text in texts.items():
        field = f"document.querySelector('#demo-form [name={json.dumps(name)}]')"
        browser.ask(f"{field}.value = {json.dumps(text)}")
    browser.ask("document.getElementById('demo-form').requestSubmit()")


@browser_only
@pytest.mark.parametrize("name", ["flights", "penguins", "progression"])
def test_the_form_answers_as_the_app_does(name, demos, browser):
    "Score, decision, bars or amount with interval; nothing is asked of the network, nothing refused by the policy."
    artifact = open_demo(browser, demos, name)
    (answer,), _, scores = artifact.predict(check_rows([artifact.example], artifact.features), "x")
    lines = read_answer(browser)
    if name == "penguins":
        assert lines[0] == answer.decision
        bars = browser.ask("[...document.querySelectorAll('.demo-score')].map((bar) => bar.getAttribute('width'))")
        assert bars == [f"{100 * score:.1f}%" for score in scores[0].tolist()]
    else:
        assert lines[0] == answer.decision.capitalize()
    if name == "progression":
        assert f"{answer.score:.0f} points" in lines[1] and "± 70 points" in lines[2]
    assert "Nothing is sent anywhere" in browser.ask("document.getElementById('demo').innerText")
    loaded = browser.ask("performance.getEntriesByType('resource').map((each) => each.name)")
    assert {each.rpartition("/")[2] for each in loaded} <= {
        "demo.css", "onnx.js", "rows.js", "csv.js", "model.js", "demo.js"
    }
    assert browser.errors == []


@browser_only
def test_problems_stand_beside_their_fields_and_unknown_categories_warn(demos, browser):
    "The field says what it expects, is marked for screen readers and has the focus; a time that clocks leave out is named."
    open_demo(browser, demos, "flights")
    fill(browser, distance="far", departs_at="2013-03-10T02:30")
    field = "document.querySelector('[name=distance]')"
    assert browser.ask(f"{field}.getAttribute('aria-invalid')") == "true"
    described = browser.ask(f"document.getElementById({field}.getAttribute('aria-describedby').split(' ')[1]).textContent")
    assert described == 'expected a number from 10 to 6000, got "far"'
    assert browser.ask("document.activeElement.name") == "departs_at"
    assert "clocks in America/New_York show" in browser.ask("document.getElementById('demo-form').innerText")
    assert read_answer(browser)[0] == "2 fields need another look"
    fill(browser, distance="719", departs_at="2013-03-10T03:30", carrier="another")
    assert browser.ask(f"{field}.getAttribute('aria-invalid')") is None
    assert 'Warning: carrier: unknown category "another".' in read_answer(browser)[-1]


@browser_only
def test_every_field_has_a_name_and_the_keyboard_reaches_it(demos, browser):
    "Labels, a live region, and Tab through the fields, the button and the choice of a file; no page is wider than a phone."
    open_demo(browser, demos, "penguins")
    inputs = "[...document.querySelectorAll('#demo input, #demo select')]"
    assert browser.ask(f"{inputs}.every((each) => each.labels.length === 1)")
    assert browser.ask("document.getElementById('demo-answer').getAttribute('role')") == "status"
    reached = []
    for _ in range(browser.ask(f"{inputs}.length") + 1):
        browser.press("Tab")
        reached.append(browser.ask("document.activeElement.name || document.activeElement.id || document.activeElement.tagName"))
    columns = list(demos["penguins"][0].features.columns)
    assert reached == [*columns, "BUTTON", "demo-csv"]
    browser.ask("document.querySelector('#demo-form button').focus()")
    browser.ask("document.getElementById('demo-answer').replaceChildren()")
    browser.press("Enter", "\r")
    assert read_answer(browser)[0] in ("Adelie", "Chinstrap", "Gentoo")
    for width in (390, 1280):
        browser.resize(width)
        assert browser.ask("document.documentElement.scrollWidth") <= width


SCORE_FILE = """
const place = document.getElementById("demo-file"), carried = new DataTransfer();
carried.items.add(new File([toBytes("{content}")], "table.csv"));
let ticks = 0, shown = 0;
const clock = setInterval(() => {{ ticks++; shown = Math.max(shown, document.getElementById("demo-progress").value); }});
place.dispatchEvent(new DragEvent("drop", {{ dataTransfer: carried, bubbles: true }}));
const outcome = document.getElementById("demo-outcome"), input = document.getElementById("demo-csv");
while (input.disabled || !outcome.children.length) await new Promise((resume) => setTimeout(resume, 5));
clearInterval(clock);
const link = outcome.querySelector("a"), texts = [];
const make = URL.createObjectURL;
return JSON.stringify({{ text: outcome.innerText, name: link?.download, ticks, shown,
  content: link && await kept.text() }});
"""
KEEP = """
let kept;
const makeAddress = URL.createObjectURL;
URL.createObjectURL = (blob) => { kept = blob; return makeAddress.call(URL, blob); };
"""


def score_file(browser, content):
    "Drop a file on the page; return what it says, the file given back, and how often the page could act meanwhile."
    content = base64.b64encode(content).decode()
    return json.loads(run(browser, KEEP + SCORE_FILE.format(content=content)))


def to_csv(rows, **form):
    "Rows as a CSV file."
    return pd.DataFrame(rows).to_csv(index=False, **form).encode()


@browser_only
def test_a_file_is_scored_as_the_app_would(demos, projects, browser):
    "Every row is given back in its place with the app's score and decision, or with what is wrong with it."
    artifact, project = open_demo(browser, demos, "flights"), projects["flights"]
    good = to_json_rows(project.rows, project.features)
    many = [dict(good[number % len(good)]) for number in range(2000)]
    expected, _, _ = artifact.predict(check_rows(many, artifact.features), "x")
    many[3] = many[3] | {"distance": "far"}
    many[5] = many[5] | {"carrier": "=cmd()"}
    answer = score_file(browser, to_csv(many))
    table = list(csv.DictReader(io.StringIO(answer["content"])))
    assert answer["text"].startswith("1,999 rows scored") and "1 refused" in answer["text"]
    assert answer["name"] == "table-scored.csv"
    assert len(table) == 2000 and table[3]["score"] == table[3]["decision"] == ""
    assert table[3]["problem"] == 'distance: expected a number from 10 to 6000, got "far"'
    assert table[5]["warnings"] == 'carrier: unknown category "=cmd()"'
    assert table[5]["carrier"] == "'=cmd()"  # no formula for a spreadsheet
    for place, (line, ours) in enumerate(zip(table, expected, strict=True)):
        if place not in (3, 5):
            assert abs(float(line["score"]) - ours.score) <= 5e-7
            assert line["decision"] == ours.decision
            assert line["departs_at"] == many[place]["departs_at"]
    assert answer["ticks"] >= 3 and answer["shown"] > 0  # the page answered meanwhile


@browser_only
def test_a_file_may_be_written_in_other_ways(demos, browser):
    "Quotes, line breaks in them, semicolons, a byte order mark, blank lines, words for nothing."
    artifact = open_demo(browser, demos, "awkward")
    rows = [
        {"seen_at": "2024-05-31T18:00:00+00:00", "name": "NA", "size": 1.5},
        {"seen_at": None, "name": "\U0001f427", "size": None},
        {"seen_at": "2024-05-31", "name": 'a "quoted"; name\nof two lines', "size": -2.0},
    ]
    scores = artifact.score(encode_rows(check_rows(rows, artifact.features), artifact.features)[0])
    texts = to_csv(rows, sep=";", na_rep="NaN").replace(b"\n\n", b"\n").replace(b"NA;", b"NA;")
    answer = score_file(browser, b"\xef\xbb\xbf" + texts + b"\n \n")
    table = list(csv.DictReader(io.StringIO(answer["content"]), delimiter=";"))
    assert [each["problem"] for each in table] == [""] * 3
    assert np.abs([float(each["score"]) for each in table] - scores[:, 1]).max() <= 5e-7
    assert table[2]["name"] == rows[2]["name"] and table[2]["size"] == "-2.0"


@browser_only
@pytest.mark.parametrize("content,says", [
    (b"origin,carrier,distance\nEWR,EV,719\n", "departs_at: expected a value, got no such column"),
    (b"departs_at,origin,carrier,distance,gate\n1,2,3,4,5\n", "gate: expected no such column, got one"),
    (b"departs_at,origin,carrier,distance,distance\n1,2,3,4,5\n", "expected one such column, got 2"),
    (b"departs_at,origin,carrier,distance\n", "expected a line of names and rows below it"),
    (b'departs_at,origin,carrier,distance\n"2013,EWR,EV,719\n', "expected a quote that closes"),
    (b"\xff\xfe\x00", "expected a text file in UTF-8"),
    (b"departs_at,origin,carrier,distance\n" + b",,,\n" * 50_001, "expected at most 50000 rows"),
])  # fmt: skip
def test_a_file_that_cannot_be_scored_is_refused_in_one_line(content, says, demos, browser):
    "Its name, what was expected, and what arrived."
    open_demo(browser, demos, "flights")
    answer = score_file(browser, content)
    assert answer["content"] is None
    assert says in answer["text"] and answer["text"].startswith("table.csv: ")


@browser_only
def test_names_and_categories_are_never_run(projects, browser, tmp_path):
    "Markup in titles, labels, descriptions and categories stays text, and scripts in it do not run."
    project = projects["penguins"]
    text = "</script><img src=x onerror='document.title=\"run\"'><script>document.title='run'</script>"
    page = json.loads(json.dumps(project.page))
    page["title"] = page["question"] = page["decision"]["owner"] = text
    page["columns"]["island"]["description"] = page["columns"]["island"]["unit"] = text
    page["columns"]["island"]["values"][0] = page["columns"]["island"]["example"] = text
    changed = Project.__new__(Project)
    changed.__dict__ |= project.__dict__ | {"page": page}
    path = write_demo(changed.save(tmp_path / "artifacts", project.train("logistic")), tmp_path / "to")
    browser.open(path.as_uri())
    assert browser.ask("document.title") == text
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert text in browser.ask("document.getElementById('demo').innerText")
    assert browser.errors == []


@browser_only
def test_a_model_with_an_unknown_operator_points_to_the_app(demos, projects, browser, tmp_path):
    "It is refused when it is loaded, by the operator's name; there is no form that could not answer."
    project = projects["penguins"]
    model = onnx.load_from_string(project.train("logistic"))
    last = model.graph.node[-1]
    last.output[0] = "almost"
    model.graph.node.append(onnx.helper.make_node("Clip", ["almost"], ["scores"]))
    path = project.save(tmp_path / "artifacts", model.SerializeToString())
    page = write_demo(path, tmp_path / "to", app="https://app.example.com/")
    browser.open(page.as_uri())
    assert "expected a known operator, got Clip" in " ".join(read_answer(browser))
    assert browser.ask("document.querySelector('#demo-answer a').href") == "https://app.example.com/"
    assert browser.ask("document.getElementById('demo-form').hidden")


def test_only_a_whole_artifact_becomes_a_demo(demos, tmp_path):
    "One whose model was changed is refused, and nothing is written."
    artifact, page = demos["flights"]
    folder = page.parent.parent / "artifacts" / "flights" / artifact.version
    changed = tmp_path / artifact.version
    changed.mkdir()
    for path in folder.iterdir():
        (changed / path.name).write_bytes(path.read_bytes() + b" " * (path.name == "model.onnx"))
    with pytest.raises(ArtifactError, match="model.onnx"):
        write_demo(changed, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    described = describe_demo(folder)
    assert base64.b64decode(described["model"]) == (folder / "model.onnx").read_bytes()
