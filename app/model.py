"""Load an artifact, verify it, and follow the pointer to the version in service."""

import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import onnxruntime

from rows import Features, check_rows, encode_rows, read_column, read_features

FILES = ("model.onnx", "contract.json", "report.json", "reference.json", "verdict.json")
FILES += ("card.md", "card.html")


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
    version: str | msgspec.UnsetType = msgspec.UNSET  # of the artifact, where two of them answer


@dataclass(frozen=True)
class Artifact:
    "One version of a model with its contract, ready to predict."

    version: str
    contract: dict
    features: Features
    threshold: float | None  # from which score on to act
    interval: float | None  # of an amount: it was not further off in 90% of earlier cases
    report: dict
    reference: dict  # how features and scores were distributed
    card: dict[str, str]  # as Markdown and as HTML, by the name of the file
    session: onnxruntime.InferenceSession

    @property
    def project(self) -> str:
        return self.contract["project"]

    @property
    def labels(self) -> list[str]:  # in the order of the scores; none where the target is an amount
        return self.contract["target"]["labels"]

    @property
    def unit(self) -> str:  # of the target, where it is an amount
        return self.contract["columns"][self.contract["target"]["from"]]["unit"] or ""

    @property
    def interface(self) -> tuple[list, list]:  # what a program sees: columns with kinds, and labels
        columns = self.features.columns.values()
        return [(column.name, column.kind) for column in columns], self.labels

    @property
    def example(self) -> dict:  # a row
        return {name: self.contract["columns"][name]["example"] for name in self.features.columns}

    def score(self, matrix: np.ndarray) -> np.ndarray:  # matrix: (n, n_features) float32
        "Score rows from encode_rows: probabilities, (n, n_labels), or amounts, (n, 1); float32."
        if len(matrix) < MANY:
            return self.session.run(["scores"], {"rows": matrix})[0]
        scores, places = self.score_alike(matrix)
        return scores[places]

    def score_alike(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        "Score equal rows of a matrix once: scores, and for each of n rows the place of its own."
        order = sort_alike(matrix)
        bits = matrix.view(np.uint32)[order]  # NaN is equal to itself
        new = np.arange(len(bits)) == 0
        for column in bits.T:
            new[1:] |= column[1:] != column[:-1]
        places = np.empty(len(bits), "int64")
        places[order] = np.cumsum(new) - 1
        return self.session.run(["scores"], {"rows": bits[new].view(np.float32)})[0], places

    def decide(self, scores: np.ndarray) -> tuple[list[float], list[str]]:  # n of each
        "Give the score that counts for each row, and act or leave, the likeliest label, or none."
        counts, threshold = scores[:, -1].tolist(), self.threshold
        if threshold is not None:
            return counts, ["act" if score >= threshold else "leave" for score in counts]
        labels, best = self.labels, scores.argmax(axis=1).tolist()
        if not labels:
            return counts, ["none"] * len(counts)
        return scores.max(axis=1).tolist(), [labels[place] for place in best]

    def predict(
        self, rows: list, request_id: str
    ) -> tuple[list[Prediction], np.ndarray]:  # n of them; (n, n_labels) scores, or (n, 1) amounts
        "Predict rows that were checked, of features.row."
        matrix, unknown = encode_rows(rows, self.features)
        scores = self.score(matrix)
        pairs = enumerate(zip(*self.decide(scores), strict=True))
        predictions = [Prediction(f"{request_id}-{place}", *pair) for place, pair in pairs]
        for row, column, text, _ in unknown:
            predictions[row - 1].warnings += (f"{column}: {text}",)
        return predictions, scores


def start_session(model: bytes) -> onnxruntime.InferenceSession:  # model: ONNX
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
    row = check_rows([artifact.example], artifact.features)
    _, scores = artifact.predict(row, "example")
    if artifact.labels:
        expected, fine = "a probability per label", (scores >= 0) & (scores <= 1)
    else:
        expected, fine = "one finite number", np.isfinite(scores)
    if scores.shape != (1, len(artifact.labels) or 1) or not fine.all():
        raise ValueError(f"model.onnx: expected {expected}, got {scores.tolist()}")


def load_artifact(folder: str | Path) -> Artifact:  # folder: of one version
    "Load an artifact; raises ArtifactError when a file is missing, changed or of another contract."
    folder = Path(folder)
    try:
        manifest, contents = read_files(folder)
        names = "contract.json", "report.json", "reference.json"
        contract, report, reference = [json.loads(contents[name]) for name in names]
        card = {name: contents[name].decode() for name in ("card.md", "card.html")}
        features, session = read_features(contract), start_session(contents["model.onnx"])
        numbers = manifest["threshold"], manifest["interval"]
        artifact = Artifact(
            folder.name, contract, features, *numbers, report, reference, card, session
        )
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
Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-zA-Z_-]+\Z")]


class Pointer(msgspec.Struct):
    "What in_service.json says."

    version: Version
    override: str | None = None  # why it serves although its verdict was not good enough


def read_page(path: Path, kind: type, expected: str) -> Any:  # of that kind
    "Read a small file of JSON; raises FileNotFoundError, or ArtifactError for another kind."
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError):
        raise ArtifactError(f"{path.name}: expected JSON with {expected}, got none") from None


def read_in_service(folder: str | Path) -> Pointer:  # folder: with in_service.json
    "Read what is in service; raises ArtifactError when nothing readable names a version."
    try:
        return read_page(Path(folder, POINTER), Pointer, "a version")
    except FileNotFoundError:
        raise ArtifactError(f"no artifact is in service: {POINTER} not found") from None


def read_pointer(folder: str | Path) -> str:  # folder: with in_service.json
    "Read which version is in service; raises ArtifactError when nothing readable names one."
    return read_in_service(folder).version


def assign(name: str, unit: str, share: float) -> bool:  # name: of the experiment
    "Say whether the challenger answers a unit, by its hash: the same everywhere and always."
    digest = hashlib.sha256(f"{name}\0{unit}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def write_number(value: float) -> str:
    "Write a number as the shortest text that reads back as the same value."
    return repr(value + 0.0).removesuffix(".0")  # -0.0 becomes 0


def name_unit(value: str | float | bool | None) -> str:
    "Name a unit by the text of a value, as the contract writes it; nothing is a unit as well."
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return value if isinstance(value, str) else write_number(value)


def name_units(rows: list, features: Features, name: str) -> list[str]:  # name: of a column
    "Name the unit of each row, of features.row: the column's value, or of a moment its day."
    place, column = list(features.columns).index(name), features.columns[name]
    values = [getattr(row, f"column_{place}") for row in rows]
    if column.kind == "moment":
        values = [moment and moment.date().isoformat() for moment in read_column(values, column)]
    return [name_unit(value) for value in values]


EXPERIMENT = "experiment.json"


class Plan(msgspec.Struct):
    "What experiment.json says."

    version: Version  # of the challenger
    mode: Literal["shadow", "ab"]
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]  # of the units, in an A/B test
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


@dataclass(frozen=True)
class Experiment:
    "A challenger beside the artifact in service; raises ArtifactError where the two do not fit."

    plan: Plan
    champion: Artifact  # in service
    challenger: Artifact

    def __post_init__(self):
        wrong = ""
        if self.champion is self.challenger:
            wrong = "expected another version than the one in service"
        elif self.champion.interface != self.challenger.interface:
            wrong = "expected the columns and the labels of the version in service, got others"
        elif self.plan.mode == "ab" and self.unit not in self.champion.features.columns:
            wrong = f"life.experiment_unit: expected a column of the features, got {self.unit}"
        if wrong:
            raise ArtifactError(f"{EXPERIMENT}: version {self.plan.version}: {wrong}")

    @property
    def unit(self) -> str | None:  # the column by which rows belong together
        return self.champion.contract["life"].get("experiment_unit")

    def choose(self, rows: list) -> np.ndarray:  # (n,) bool
        "Say of each row, of features.row, whether the challenger answers it."
        if self.plan.mode == "shadow":
            return np.zeros(len(rows), "bool")
        units = name_units(rows, self.champion.features, self.unit)
        chosen = {unit: assign(self.plan.name, unit, self.plan.share) for unit in set(units)}
        return np.array([chosen[unit] for unit in units])


LOOK_AGAIN, TRY_AGAIN = 0.05, 10.0  # seconds: at the pointer; at what could not be loaded


def stamp(path: Path) -> tuple | None:  # None: it is not there
    "Return what changes when a file is replaced."
    try:
        stat = os.stat(path)
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
    except OSError:
        return None


class InService:
    "The artifact in service, and its challenger: follows two files, keeps the last that works."

    def __init__(self, folder: str | Path):  # with in_service.json and a folder for each version
        self.folder, self.problem, self.override = Path(folder), None, ""
        self.experiment: Experiment | None = None
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

    def find(self, version: object) -> Artifact | None:
        "Find the artifact of a version that answered, while it is here."
        current, experiment = self._artifact, self.experiment
        both = current, experiment and experiment.challenger
        return next((each for each in both if each and each.version == version), None)

    def _follow(self) -> None:
        "Look at both files, and load what they name when that is new, or it is time to try again."
        seen = [stamp(self.folder / name) for name in (POINTER, EXPERIMENT)]
        now = time.monotonic()
        self._next_look = now + LOOK_AGAIN
        if seen == self._seen and not (self.problem and now >= self._next_try):
            return
        self._seen, self._next_try, problems = seen, now + TRY_AGAIN, []
        try:
            pointer = read_in_service(self.folder)
            self._artifact = self._load(pointer.version)
            self.override = pointer.override or ""
        except ArtifactError as error:
            problems.append(str(error))
        try:
            self.experiment = self._load_experiment()
        except ArtifactError as error:
            self.experiment = None
            problems.append(str(error))
        self.problem = "; ".join(problems) or None

    def _load_experiment(self) -> Experiment | None:
        "Load the challenger that experiment.json names, if there is one; raises ArtifactError."
        expected = "a version, a mode (shadow or ab), a share from 0 to 1 and a name"
        try:
            plan = read_page(self.folder / EXPERIMENT, Plan, expected)
        except FileNotFoundError:
            return None
        return self._artifact and Experiment(plan, self._artifact, self._load(plan.version))

    def _load(self, version: str) -> Artifact:
        "Load a version of the project in service; raises ArtifactError."
        if known := self.find(version):
            return known
        artifact = load_artifact(self.folder / version)
        current = self._artifact
        if current and artifact.project != current.project:
            got = f"expected project {current.project}, got {artifact.project}"
            raise ArtifactError(f"artifact {version}: {got}")
        return artifact
