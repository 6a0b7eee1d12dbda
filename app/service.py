"""A new version while a hundred people wait for an answer: over before anyone has noticed it."""

import json
import os
import re
import threading
import time
from pathlib import Path

from model import Artifact, ArtifactError, load_artifact

POINTER = "in_service.json"


def read_pointer(
    folder: str | Path,  # with in_service.json
) -> str:
    "Read which version is in service; raises ArtifactError when nothing readable says so."
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
    except FileNotFoundError:
        raise ArtifactError(f"no artifact is in service: {POINTER} not found") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise ArtifactError(f"{POINTER}: expected JSON with a version, got none") from None
    if not isinstance(version, str) or not re.fullmatch(r"[0-9a-zA-Z_-]+", version):
        raise ArtifactError(f"{POINTER}: expected the name of a version, got something else")
    return version


LOOK_AGAIN = 0.05  # seconds between two looks at the pointer
TRY_AGAIN = 10.0  # seconds between two tries at what could not be loaded


class InService:
    "The artifact in service: follows in_service.json, and keeps the last version that works."

    def __init__(
        self,
        folder: str | Path,  # with in_service.json and a folder for each version
    ):
        self.folder, self.problem = Path(folder), None
        self._path = str(self.folder / POINTER)
        self._artifact, self._seen, self._turn = None, (), threading.Lock()
        self._next_look = self._next_try = 0.0
        self._follow()

    def artifact(self) -> Artifact:
        "Give the artifact in service; raises ArtifactError while there is none."
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
        now, seen = time.monotonic(), self._look()
        self._next_look = now + LOOK_AGAIN
        if seen == self._seen and not (self.problem and now >= self._next_try):
            return
        self._seen, self._next_try = seen, now + TRY_AGAIN
        try:
            self._artifact = self._load(read_pointer(self.folder))
            self.problem = None
        except ArtifactError as error:
            self.problem = str(error)

    def _look(self) -> tuple | None:  # what changes when the file does; None where there is none
        try:
            stat = os.stat(self._path)
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    def _load(self, version: str) -> Artifact:
        "Load a version of the project in service; raises ArtifactError."
        current = self._artifact
        if current is not None and current.version == version:
            return current
        artifact = load_artifact(self.folder / version)
        if current is not None and artifact.contract["project"] != current.contract["project"]:
            expected, got = current.contract["project"], artifact.contract["project"]
            raise ArtifactError(f"artifact {version}: expected project {expected}, got {got}")
        return artifact
