"""Demos for tests, and what is asked of them in a browser."""

import base64
import json
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from make_amounts import sign
from projects import write_amounts, write_project

from mlprod.app.rows import read_features
from mlprod.contract import read_contract
from mlprod.data import read_rows, take_labels
from mlprod.drift import make_reference
from mlprod.frames import encode_frame
from mlprod.package import FILES, convert_model, decide, run_model
from mlprod.train import CLASSIFIERS, REGRESSORS, Trained, fit_estimator, make_estimator

ROOT = Path(__file__).resolve().parent.parent
SMALLER = {  # models of the same kind, for less time
    "random_forest": {"n_estimators": 15}, "extra_trees": {"n_estimators": 15},
    "gradient_boosting": {"n_estimators": 20}, "hist_gradient_boosting": {"max_iter": 20},
    "calibrated": {"max_iter": 10}, "mlp": {"max_iter": 10},
}  # fmt: skip
ESTIMATORS = [(name, each) for name in ("flights", "penguins") for each in CLASSIFIERS]
ESTIMATORS += [("progression", each) for each in REGRESSORS]


def write_awkward(folder):
    "Categories that are numbers, booleans and rare letters; a column whose name a form knows."
    random, n_rows = np.random.default_rng(6), 200
    names = ["10", "9", "true", "\ufb01", "\U0001f427", "é", "__proto__", "=1+1", "NA", "Z", "a"]
    rows = pd.DataFrame({
        "seen_at": pd.to_datetime("2024-01-01T00:30Z") + pd.to_timedelta(np.arange(n_rows), "D"),
        "name": random.choice(names, n_rows), "hidden": random.normal(0, 1, n_rows),
        "answer": random.choice(["no", "yes"], n_rows),
    })  # fmt: skip
    says = {
        "seen_at": {
            "may_be_missing": True, "timezone": "Africa/Casablanca",
            "range": ["2010-01-01T00:00:00Z", "2031-01-01T00:00:00Z"],
        },
        "name": {"may_be_missing": True, "values": names},
        "hidden": {"may_be_missing": True, "range": [-10, 10]},
    }  # fmt: skip
    parts = [f"seen_at.{part}" for part in ("hour", "weekday", "day", "month")]
    target = {"name": "answered", "from": "answer", "labels": ["no", "yes"]}
    more = {"features": [*parts, "name", "hidden"]}
    return write_project(folder, "awkward", rows, target, more, says)


class Project:
    "A project's contract, and some of its rows encoded."

    def __init__(self, path, n_rows=300):
        self.contract = read_contract(path)
        self.page = self.contract.model_dump(mode="json", by_alias=True)
        self.features = read_features(self.page)
        data = self.contract.data
        rows = read_rows(path.parent / (data.sample or data.rows), self.contract)
        answers = take_labels(rows, self.contract)
        known = np.flatnonzero(~np.isnan(answers))
        known = known[:: max(1, len(known) // n_rows)][:n_rows]
        self.rows, answers = rows.iloc[known], answers[known]
        self.matrix = encode_frame(self.rows[list(self.features.columns)], self.features)[0]
        self.answers = answers.astype("int64") if self.contract.target.labels else answers
        self.size = 1.0 if self.contract.target.labels else float(np.sqrt(np.mean(answers**2)))

    def train(self, name, **parameters):
        "Train a model and convert it."
        estimator = make_estimator(name, self.features, 0, self.contract.task, **parameters)
        estimator = fit_estimator(name, estimator, self.matrix, self.answers)
        labels = list(self.contract.target.labels)
        return convert_model(
            Trained(name, estimator, self.features, labels, {}, 0, self.answers, self.answers)
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


def make_projects(folder, n_rows=300):
    "Two labels, several labels, an amount, and a table made to be awkward."
    paths = [ROOT / "data" / name / "contract.yaml" for name in ("flights", "penguins")]
    paths += [write_amounts(folder), write_awkward(folder)]
    return {path.parent.name: Project(path, n_rows) for path in paths}


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
            values = np.array(given["nodes_values"], "float32")[branches]
            places = np.array(given["nodes_featureids"])[branches]
            for place in set(places):
                at = np.unique(values[places == place])
                below, above = [np.nextafter(at, np.float32(end)) for end in (-np.inf, np.inf)]
                sides = random.permutation(np.concatenate([below, at, above]))[: n_rows // 2]
                matrix[random.permutation(n_rows)[: len(sides)], place] = sides
    return matrix


# --- in a browser

SEND = """
const toBytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
const toText = (floats) => {
  const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
};
"""
DROP = """
let kept, ticks = 0, shown = 0;
const find = (id) => document.getElementById(`demo-${id}`), makeAddress = URL.createObjectURL;
URL.createObjectURL = (blob) => makeAddress.call(URL, (kept = blob));
const carried = new DataTransfer();
carried.items.add(new File([toBytes(CONTENT)], "table.csv"));
const clock = setInterval(() => { ticks++; shown = Math.max(shown, find("progress").value); });
const began = performance.now();
find("file").dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true }));
while (!find("progress").hidden) await new Promise((resume) => setTimeout(resume, 5));
const seconds = (performance.now() - began) / 1000;
clearInterval(clock);
const text = find("outcome").innerText, name = find("outcome").querySelector("a")?.download;
return JSON.stringify({ text, name, ticks, shown, seconds, content: name && await kept.text() });
"""


def to_text(content):
    "Bytes, or those of an array, as text."
    content = content if isinstance(content, bytes) else np.ascontiguousarray(content).tobytes()
    return base64.b64encode(content).decode()


def read_floats(text):
    "An array of what the browser has sent as text."
    return np.frombuffer(base64.b64decode(text), "float32")


def run(browser, script):
    "Run statements that return something, with helpers for arrays of numbers."
    return browser.ask(f"(async () => {{ {SEND} {script} }})()")


def score_file(browser, content):
    "Drop a file on the page: what it says and gives back, and how often it could act meanwhile."
    return json.loads(run(browser, f'const CONTENT = "{to_text(content)}"; {DROP}'))


def compare(browser, project, model):
    "Score hard rows by ONNX Runtime and in the browser: the largest difference, and flips."
    matrix = make_hard(project, model)
    ours = run_model(model, matrix)
    theirs = read_floats(run(browser, f"""
        const matrix = new Float32Array(toBytes("{to_text(matrix)}").buffer);
        const run = onnx.load(toBytes("{to_text(model)}"));
        return toText(run(matrix, {len(matrix)}, {matrix.shape[1]}).data);
    """)).reshape(ours.shape)  # fmt: skip
    several = project.contract.task == "multiclass"
    threshold = None if several else round(float(np.quantile(ours[:, -1], 0.9)), 6)
    flips = int((decide(ours, threshold) != decide(theirs, threshold)).sum())
    return float(np.abs(ours - theirs).max()) / project.size, flips
