"""Read once, hash those bytes, load those bytes; and change the version under load."""

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from rows import Features, encode_rows, read_features

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

    def score(
        self,
        matrix: np.ndarray,  # (n, n_features) float32, from encode_rows
    ) -> np.ndarray:  # (n, n_labels) float32, probabilities
        "Score rows."
        return self.session.run(["scores"], {"rows": matrix})[0]

    def decide(
        self,
        scores: np.ndarray,  # (n, n_labels)
    ) -> tuple[list[float], list[str]]:  # for each row the score that counts, and the decision
        "Decide about rows: act or leave with two labels, else the likeliest label."
        if self.threshold is None:
            best = scores.argmax(axis=1)
            counts = scores[np.arange(len(scores)), best].tolist()
            return counts, [self.labels[place] for place in best.tolist()]
        counts = scores[:, -1].tolist()
        return counts, ["act" if score >= self.threshold else "leave" for score in counts]


def start_session(
    model: bytes,  # ONNX
) -> onnxruntime.InferenceSession:
    "Start ONNX Runtime with one thread; the server decides how many rows it works on at once."
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong comes as an exception
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def load_artifact(
    folder: str | Path,  # of one version
) -> Artifact:
    "Load an artifact; raises ArtifactError when a file is missing, changed or of another format."
    folder = Path(folder)
    try:
        manifest, contents = read_files(folder)
        contract, card = json.loads(contents["contract.json"]), contents["card.md"].decode()
        features, model = read_features(contract), start_session(contents["model.onnx"])
        artifact = Artifact(folder.name, contract, features, manifest["threshold"], card, model)
        scores = artifact.score(encode_rows([artifact.example], features)[0])
        if scores.shape != (1, len(artifact.labels)) or not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError(f"expected a probability for each label, got {scores.tolist()}")
    except OSError as error:
        reason = f"expected a file {Path(error.filename).name}, got: {error.strerror}"
        raise ArtifactError(f"artifact {folder.name}: {reason}") from error
    except Exception as error:  # whatever the format is, it is not ours
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        reason = " ".join(reason.split())[:200]
        raise ArtifactError(f"artifact {folder.name}: {reason}") from error
    return artifact


class InService:
    "The artifact in service: follows in_service.json, and keeps the last version that works."

    def __init__(
        self,
        folder: str | Path,  # with in_service.json and a folder for each version
    ):
        self.folder, self.problem = Path(folder), None
        self._artifact, self._seen, self._loading = None, None, threading.Lock()
        self._follow()

    def artifact(self) -> Artifact:
        "Give the artifact in service; raises ArtifactError while there is none."
        if self._look() != self._seen and self._loading.acquire(blocking=False):
            try:
                self._follow()
            finally:
                self._loading.release()
        artifact = self._artifact
        if artifact is None:
            raise ArtifactError(self.problem)
        return artifact

    def _look(self) -> tuple:
        "What changes when the pointer does, and every ten seconds while there is a problem."
        again = time.monotonic() // 10 if self.problem else 0
        try:
            stat = (self.folder / "in_service.json").stat()
        except OSError:
            return (again,)
        return again, stat.st_mtime_ns, stat.st_ino, stat.st_size

    def _follow(self) -> None:
        "Load what the pointer names, unless it is loaded already."
        self._seen = self._look()
        try:
            version = read_pointer(self.folder)
            if self._artifact is None or self._artifact.version != version:
                self._artifact = load_artifact(self.folder / version)
            self.problem = None
        except ArtifactError as error:
            self.problem = str(error)


def read_pointer(
    folder: Path,  # with in_service.json
) -> str:
    "Read which version is in service; raises ArtifactError when nothing readable says so."
    try:
        version = json.loads((folder / "in_service.json").read_bytes())["version"]
    except FileNotFoundError:
        raise ArtifactError("no artifact is in service: in_service.json not found") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise ArtifactError("in_service.json: expected JSON with a version, got none") from None
    if not isinstance(version, str) or not re.fullmatch(r"[0-9a-zA-Z_-]+", version):
        raise ArtifactError("in_service.json: expected the name of a version, got something else")
    return version
