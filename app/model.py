"""Read once, hash those bytes, load those bytes; and nothing else gets to answer."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from columns import Features, read_features
from rows import encode_rows

FILES = ("model.onnx", "contract.json", "report.json", "card.md")


class ArtifactError(ValueError):
    "An artifact cannot be served; the message says in one line which, and why."


def read_files(
    folder: Path,  # of one version
) -> tuple[dict, dict[str, bytes]]:  # the manifest; each file's content by its name
    "Read every file once; raises ValueError for one that is not what the manifest lists."
    manifest = json.loads((folder / "manifest.json").read_bytes())
    said = {key: value for key, value in manifest.items() if key != "version"}
    version = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]
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
    halves = np.ascontiguousarray(matrix).view(np.uint16)
    upper = halves[:, 1::2]  # sign, exponent and seven digits of each number
    return np.lexsort(upper.T[::-1])


@dataclass(frozen=True)
class Artifact:
    "One version of a model with its contract, ready to answer."

    version: str
    contract: dict
    features: Features
    threshold: float | None  # from which score on to act; none with several labels
    card: str  # Markdown
    session: onnxruntime.InferenceSession

    @property
    def labels(self) -> list[str]:
        "The labels, in the order of the scores."
        return self.contract["target"]["labels"]

    @property
    def example(self) -> dict:
        "A row that the contract gives as an example."
        return {name: self.contract["columns"][name]["example"] for name in self.features.columns}

    def score(self, matrix: np.ndarray) -> np.ndarray:
        "Score rows from encode_rows, (n, n_features): probabilities, (n, n_labels), both float32."
        if len(matrix) < MANY:
            return self.session.run(["scores"], {"rows": matrix})[0]
        order = sort_alike(matrix)
        rows = matrix[order]
        new = np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)])
        scores = self.session.run(["scores"], {"rows": rows[new]})[0]
        scores = scores[np.cumsum(new) - 1]
        scores[order] = scores.copy()
        return scores

    def decide(self, scores: np.ndarray) -> tuple[list[float], list[str]]:
        "Give the score that counts for each row, and act or leave, or of several labels the best."
        if self.threshold is None:
            labels, best = self.labels, scores.argmax(axis=1).tolist()
            return scores.max(axis=1).tolist(), [labels[place] for place in best]
        threshold, counts = self.threshold, scores[:, -1].tolist()
        return counts, ["act" if score >= threshold else "leave" for score in counts]


def start_session(model: bytes) -> onnxruntime.InferenceSession:
    "Start ONNX Runtime with one thread; the server decides how many rows it works on at once."
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong comes as an exception
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def try_out(artifact: Artifact) -> None:
    "Answer the contract's example; raises ValueError where model and contract do not fit."
    features, columns = len(artifact.features.names), artifact.session.get_inputs()[0].shape[-1]
    if columns != features:
        raise ValueError(f"model.onnx: expected {features} columns, as the contract, got {columns}")
    scores = artifact.score(encode_rows([artifact.example], artifact.features)[0])
    if scores.shape != (1, len(artifact.labels)) or not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(f"model.onnx: expected a probability per label, got {scores.tolist()}")
    artifact.decide(scores)


def load_artifact(
    folder: str | Path,  # of one version
) -> Artifact:
    "Load an artifact; raises ArtifactError when a file is missing, changed or of another contract."
    folder = Path(folder)
    try:
        manifest, contents = read_files(folder)
        contract, card = json.loads(contents["contract.json"]), contents["card.md"].decode()
        project, signed = contract["project"], manifest["project"]
        if project != signed:
            raise ValueError(f"contract.json: expected project {signed}, got {project}")
        features, model = read_features(contract), start_session(contents["model.onnx"])
        artifact = Artifact(folder.name, contract, features, manifest["threshold"], card, model)
        try_out(artifact)
    except OSError as error:
        reason = f"expected a file {Path(error.filename or folder).name}, got: {error.strerror}"
        raise ArtifactError(f"artifact {folder.name}: {reason}") from error
    except Exception as error:  # whatever the format is, it is not ours
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        reason = " ".join(reason.split())[:200]
        raise ArtifactError(f"artifact {folder.name}: {reason}") from error
    return artifact
