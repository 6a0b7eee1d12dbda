"""Load an artifact, verify it, and follow the pointer to the version in service."""

import hashlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime

from rows import Features, check_rows, encode_rows, read_features

FILES = ("model.onnx", "contract.json", "report.json", "card.md", "card.html")


class ArtifactError(ValueError):
    "An artifact cannot be served; the message says in one line which, and why."

    code = 503


def read_files(folder: Path) -> tuple[dict, dict[str, bytes]]:  # manifest; contents by file's name
    "Read every file once; raises ValueError for one that is not what the manifest lists."
    manifest = json.loads((folder / "manifest.json").read_bytes())
    rest = {key: value for key, value in manifest.items() if key != "version"}
    version = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12]
    if not version == manifest.get("version") == folder.name:
        raise ValueError(f"manifest.json: expected version {folder.name}, got what makes {version}")
    contents = {name: (folder / name).read_bytes() for name in FILES}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
            raise ValueError(f"{name}: expected the bytes that the manifest lists, got others")
    return manifest, contents


MANY = 100  # rows, from which on sorting them pays


def sort_alike(matrix: np.ndarray) -> np.ndarray:  # (n, n_features) float32; (n,) places
    "Order rows coarsely by the first column, then the second and so on: neighbours are alike."
    upper = matrix.view(np.uint16)[:, 1::2]  # sign, exponent and seven digits of each number
    return np.lexsort(upper.T[::-1])


class Prediction(msgspec.Struct, gc=False):  # it holds nothing that could hold it
    "What is answered about one row."

    id: str
    score: float
    decision: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Artifact:
    "One version of a model with its contract, ready to predict."

    version: str
    contract: dict
    features: Features
    threshold: float | None  # from which score on to act; none with several labels
    card: dict[str, str]  # as Markdown and as HTML, by the name of the file
    session: onnxruntime.InferenceSession

    @property
    def project(self) -> str:
        return self.contract["project"]

    @property
    def labels(self) -> list[str]:  # in the order of the scores
        return self.contract["target"]["labels"]

    @property
    def example(self) -> dict:  # a row
        return {name: self.contract["columns"][name]["example"] for name in self.features.columns}

    def score(self, matrix: np.ndarray) -> np.ndarray:
        "Score rows from encode_rows, (n, n_features): probabilities, (n, n_labels), both float32."
        if len(matrix) < MANY:
            return self.session.run(["scores"], {"rows": matrix})[0]
        order = sort_alike(matrix)
        rows = matrix[order]
        new = np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)])  # equal rows once
        scores = self.session.run(["scores"], {"rows": rows[new]})[0][np.cumsum(new) - 1]
        scores[order] = scores.copy()
        return scores

    def decide(self, scores: np.ndarray) -> tuple[list[float], list[str]]:
        "Give the score that counts for each row, and act or leave, or of several labels the best."
        if self.threshold is None:
            labels, best = self.labels, scores.argmax(axis=1).tolist()
            return scores.max(axis=1).tolist(), [labels[place] for place in best]
        threshold, counts = self.threshold, scores[:, -1].tolist()
        return counts, ["act" if score >= threshold else "leave" for score in counts]

    def predict(self, rows: list, request_id: str) -> tuple[list[Prediction], np.ndarray]:
        "Predict rows that were checked, of features.row; also return the scores of all labels."
        matrix, unknown = encode_rows(rows, self.features)
        scores = self.score(matrix)
        pairs = enumerate(zip(*self.decide(scores), strict=True))
        predictions = [Prediction(f"{request_id}-{place}", *pair) for place, pair in pairs]
        for row, column, text, _ in unknown:
            predictions[row - 1].warnings += (f"{column}: {text}",)
        return predictions, scores


def start_session(model: bytes) -> onnxruntime.InferenceSession:
    "Start ONNX Runtime with one thread; the server decides how many rows it works on at once."
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong comes as an exception
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def try_example(artifact: Artifact) -> None:
    "Predict the contract's example; raises ValueError where model and contract do not fit."
    features, columns = len(artifact.features.names), artifact.session.get_inputs()[0].shape[-1]
    if columns != features:
        raise ValueError(f"model.onnx: expected {features} columns, as the contract, got {columns}")
    _, scores = artifact.predict(check_rows([artifact.example], artifact.features), "example")
    if scores.shape != (1, len(artifact.labels)) or not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(f"model.onnx: expected a probability per label, got {scores.tolist()}")


def load_artifact(folder: str | Path) -> Artifact:  # folder: of one version
    "Load an artifact; raises ArtifactError when a file is missing, changed or of another contract."
    folder = Path(folder)
    try:
        manifest, contents = read_files(folder)
        contract = json.loads(contents["contract.json"])
        card = {name: contents[name].decode() for name in ("card.md", "card.html")}
        features, session = read_features(contract), start_session(contents["model.onnx"])
        artifact = Artifact(folder.name, contract, features, manifest["threshold"], card, session)
        if artifact.project != (signed := manifest["project"]):
            raise ValueError(f"contract.json: expected project {signed}, got {artifact.project}")
        try_example(artifact)
    except OSError as error:
        reason = f"expected a file {Path(error.filename or folder).name}, got: {error.strerror}"
        raise ArtifactError(f"artifact {folder.name}: {reason}") from error
    except Exception as error:  # whatever the format is, it is not ours
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        reason = " ".join(reason.split())[:200]
        raise ArtifactError(f"artifact {folder.name}: {reason}") from error
    return artifact


POINTER = "in_service.json"


def read_pointer(folder: str | Path) -> str:  # folder: with in_service.json
    "Read which version is in service; raises ArtifactError when nothing readable names one."
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
        return re.fullmatch(r"[0-9a-zA-Z_-]+", version)[0]
    except FileNotFoundError:
        raise ArtifactError(f"no artifact is in service: {POINTER} not found") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise ArtifactError(f"{POINTER}: expected JSON with a version, got none") from None


LOOK_AGAIN, TRY_AGAIN = 0.05, 10.0  # seconds: at the pointer; at what could not be loaded


class InService:
    "The artifact in service: follows in_service.json, and keeps the last version that works."

    def __init__(self, folder: str | Path):  # with in_service.json and a folder for each version
        self.folder, self.problem = Path(folder), None
        self._artifact, self._seen, self._turn = None, (), threading.Lock()
        self._next_look = self._next_try = 0.0
        self._follow()

    def artifact(self) -> Artifact:
        "Return the artifact in service; raises ArtifactError while there is none."
        if time.monotonic() >= self._next_look and self._turn.acquire(blocking=False):
            try:
                self._follow()
            finally:
                self._turn.release()
        problem, artifact = self.problem, self._artifact  # in this order: one of them is there
        if artifact is None:
            raise ArtifactError(problem)
        return artifact

    def _follow(self) -> None:
        "Look at the pointer, and load what it names when that is new, or it is time to try again."
        try:
            stat = os.stat(self.folder / POINTER)
            seen = stat.st_ino, stat.st_mtime_ns, stat.st_size
        except OSError:
            seen = None
        now = time.monotonic()
        self._next_look = now + LOOK_AGAIN
        if seen == self._seen and not (self.problem and now >= self._next_try):
            return
        self._seen, self._next_try = seen, now + TRY_AGAIN
        try:
            self._artifact = self._load(read_pointer(self.folder))
            self.problem = None
        except ArtifactError as error:
            self.problem = str(error)

    def _load(self, version: str) -> Artifact:
        "Load a version of the project in service; raises ArtifactError."
        current = self._artifact
        if current and current.version == version:
            return current
        artifact = load_artifact(self.folder / version)
        if current and artifact.project != current.project:
            got = f"expected project {current.project}, got {artifact.project}"
            raise ArtifactError(f"artifact {version}: {got}")
        return artifact
