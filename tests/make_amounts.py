"""Artifacts whose target is an amount, for tests of the app: linear models of two tables."""

import hashlib
import json
from pathlib import Path

import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from mlprod.app.model import FILES, POINTER
from mlprod.app.rows import read_features
from mlprod.contract import read_contract
from mlprod.drift import make_reference
from mlprod.frames import encode_frame


def sign(folder, files, **manifest):
    "Write files as a version of a folder; return the version."
    manifest["files"] = {name: hashlib.sha256(files[name]).hexdigest() for name in FILES}
    text = json.dumps(manifest, sort_keys=True)
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    (folder / version).mkdir(parents=True)
    for name, content in files.items():
        (folder / version / name).write_bytes(content)
    page = json.dumps(manifest | {"version": version})
    (folder / version / "manifest.json").write_text(page, encoding="utf-8")
    return version


def put(folder, file, /, **page):
    "Write the pointer or the plan of an experiment, aside and in one step."
    (folder / "aside").write_text(json.dumps(page), encoding="utf-8")
    (folder / "aside").replace(folder / file)


def fit_amounts(path):
    "Fit a linear model to the rows of a contract; return its ONNX, the matrix and the scores."
    contract = read_contract(path)
    features = read_features(contract.model_dump(mode="json", by_alias=True))
    rows = pd.read_parquet(path.parent / "rows.parquet")
    matrix, _ = encode_frame(rows[list(features.columns)], features)
    model = make_pipeline(SimpleImputer(), LinearRegression())
    model.fit(matrix, rows[contract.target.column].to_numpy("float32"))
    onnx = to_onnx(
        model,
        initial_types=[("rows", FloatTensorType([None, matrix.shape[1]]))],
        final_types=[("scores", FloatTensorType([None, 1]))],
    )
    return onnx.SerializeToString(), matrix, model.predict(matrix).reshape(-1, 1).astype("float32")


def save_amounts(path, folder, model=None, threshold=None, interval=None, **changes):
    "Save an artifact of a contract, parts of which may be changed; return its version."
    page = read_contract(path).model_dump(mode="json", by_alias=True)
    for name, part in changes.items():
        page[name] = page[name] | part if isinstance(part, dict) else part
    linear, matrix, scores = fit_amounts(path)
    reference = make_reference(matrix, scores, page)
    files = dict.fromkeys(FILES, b"{}") | {
        "model.onnx": model or linear, "contract.json": json.dumps(page).encode(),
        "reference.json": json.dumps(reference).encode(),
        "card.md": b"# Card\n", "card.html": b"<h1>Card</h1>\n",
    }  # fmt: skip
    manifest = {"project": page["project"], "threshold": threshold, "interval": interval}
    return sign(Path(folder), files, **manifest)


def serve_amounts(path, folder, **more):
    "Save an artifact and put it into service; return its version."
    version = save_amounts(path, folder, **more)
    put(Path(folder), POINTER, version=version)
    return version
