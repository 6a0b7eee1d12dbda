"""Which servers are compared: how each is started, asked and set up."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class SetupError(Exception):
    "An environment could not be made; the message says which, and why."


# ---- What is sent and what comes back ----------------------------------------------------------


def v2_body(rows: list[dict]) -> dict:
    "Rows in the open inference protocol, which MLServer speaks: a tensor for each column."
    kinds = {"origin": "BYTES", "carrier": "BYTES"}
    return {
        "inputs": [
            {"name": name, "shape": [len(rows), 1], "datatype": kinds.get(name, "INT64"),
             "data": [row[name] for row in rows]}
            for name in rows[0]
        ]
    }  # fmt: skip


def split_body(rows: list[dict]) -> dict:
    "Rows as MLflow reads them fastest: the names once."
    values = [list(row.values()) for row in rows]
    return {"dataframe_split": {"columns": list(rows[0]), "data": values}}


# by the form's name: the request's JSON from rows, the late scores from the answer's JSON
FORMS = {
    "list": (lambda rows: rows, lambda said: said),
    "litserve": (lambda rows: {"rows": rows}, lambda said: said["scores"]),
    "bentoml": (lambda rows: {"rows": rows}, lambda said: said),
    "mlflow": (split_body, lambda said: [scores[1] for scores in said["predictions"]]),
    "v2": (v2_body, lambda said: said["outputs"][0]["data"]),
    "app": (lambda rows: rows, lambda said: [one["score"] for one in said["predictions"]]),
    "nothing": (lambda rows: rows, None),  # nothing is computed, so nothing is checked
}


def write_body(form: str, rows: list[dict]) -> bytes:
    "The body of a request for rows, without needless spaces."
    return json.dumps(FORMS[form][0](rows), separators=(",", ":")).encode()


def read_scores(form: str, answer: bytes) -> list[float] | None:
    "The scores in an answer; None where there are none by design."
    read = FORMS[form][1]
    return read(json.loads(answer)) if read else None


# ---- The servers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entrant:
    "One server with one set of settings."

    name: str
    title: str
    folder: str  # below peers/, or app; the environment's name too unless that is given
    command: str  # {bin}, {port}, {next} and {model} are filled in
    form: str
    path: str = "/predict"
    role: str = "peer"  # or batching (a peer too), or app
    environment: dict = field(default_factory=dict)
    workers: int = 2
    venv: str = ""

    @property
    def home(self) -> str:
        "The name of the environment."
        return self.venv or self.folder


GUNICORN = "{bin}/gunicorn -w 2 --preload -b 127.0.0.1:{port} --log-level error "
BENTO = "{bin}/bentoml serve service:Late --host 127.0.0.1 -p {port}"
MLSERVER = "{bin}/mlserver start ."
QUIET = {"BENTOML_DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}


def bentoml(name: str, title: str, size: int = 0, wait: int = 0) -> Entrant:
    "BentoML with or without batching; the wait in milliseconds."
    own = QUIET | ({"BATCH": str(size), "WAIT": str(wait)} if size else {})
    role = "batching" if size else "peer"
    return Entrant(name, title, "bentoml", BENTO, "bentoml", role=role, environment=own)


def litserve(name: str, title: str, size: int = 0, wait: float = 0) -> Entrant:
    "LitServe with or without batching; the wait in seconds."
    own = QUIET | ({"BATCH": str(size), "WAIT": str(wait)} if size else {})
    role = "batching" if size else "peer"
    command = "{bin}/python app.py"
    return Entrant(name, title, "litserve", command, "litserve", role=role, environment=own)


def mlserver(name: str, title: str, size: int = 0, wait: float = 0) -> Entrant:
    "MLServer with or without adaptive batching; the wait in seconds."
    own = {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "{next}"}
    if size:
        limits = {"SIZE": str(size), "TIME": str(wait)}
        own |= {f"MLSERVER_MODEL_MAX_BATCH_{name}": value for name, value in limits.items()}
    path, role = "/v2/models/mlserver/infer", "batching" if size else "peer"
    return Entrant(name, title, "mlserver", MLSERVER, "v2", path, role, own)


def gunicorn(name: str, title: str, options: str) -> Entrant:
    "gunicorn with two workers of some kind."
    return Entrant(name, title, "gunicorn", GUNICORN + options + " app:app", "list")


ENTRANTS = [
    Entrant("flask", "Flask's own server", "flask", "{bin}/python app.py", "list", workers=1),
    gunicorn("gunicorn-sync", "gunicorn sync, Flask", "-k sync"),
    gunicorn("gunicorn-gthread", "gunicorn gthread, Flask", "-k gthread --threads 4"),
    Entrant(
        "fastapi", "FastAPI, uvicorn", "fastapi",
        "{bin}/uvicorn app:app --workers 2 --port {port} --no-access-log --log-level error", "list",
    ),
    Entrant(
        "mlflow", "mlflow models serve", "mlflow",
        "{bin}/mlflow models serve -m model -w 2 -p {port} --env-manager local", "mlflow",
        "/invocations", environment=QUIET | {"PATH": "{bin}:/usr/bin:/bin"},
    ),
    bentoml("bentoml", "BentoML"),
    bentoml("bentoml-batching", "BentoML, batchable", 20_000, 1000),
    litserve("litserve", "LitServe"),
    litserve("litserve-batching", "LitServe, batching", 64, 0.005),
    mlserver("mlserver", "MLServer"),
    mlserver("mlserver-batching", "MLServer, batching", 32, 0.002),
    Entrant("app", "the generated app", "app", "{bin}/python serve.py", "app", role="app"),
    Entrant(
        "app-logging", "the generated app, PREDICTION_LOG on", "app", "{bin}/python serve.py",
        "app", role="app", environment={"PREDICTION_LOG": "{cache}/predictions.sqlite"},
    ),
]  # fmt: skip

# Settings that --tune compares with those above. BentoML refuses what would wait past its limit:
# with 100 ms, some of a burst are answered 503.
TRIED = [
    *(gunicorn(f"gthread-{n}", f"gthread, {n}", f"-k gthread --threads {n}") for n in (1, 2, 8)),
    *(
        litserve(f"litserve-{size}-{wait}", f"LitServe, {size} within {wait} s", size, wait)
        for size, wait in ((16, 0.002), (32, 0.002), (64, 0.001), (64, 0.01))
    ),
    *(
        mlserver(f"mlserver-{size}-{wait}", f"MLServer, {size} within {wait} s", size, wait)
        for size, wait in ((16, 0.002), (64, 0.001), (64, 0.002), (64, 0.005))
    ),
    *(
        bentoml(f"bentoml-{size}-{wait}", f"BentoML, {size} within {wait} ms", size, wait)
        for size, wait in ((20_000, 500), (20_000, 10_000))
    ),
]


def choose(names: list[str], entrants: list[Entrant]) -> list[Entrant]:
    "The servers of these names, all where none is named; raises SetupError for another name."
    known = {entrant.name: entrant for entrant in entrants}
    if wrong := [name for name in names if name not in known]:
        raise SetupError(f"{wrong[0]}: expected one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(entrants)


# ---- Environments ------------------------------------------------------------------------------


def requirements_of(home: str, app: Path) -> Path:
    "What an environment is made from."
    return (app if home == "app" else HERE / "peers" / home) / "requirements.txt"


def read_pin(home: str, package: str, app: Path) -> str:
    "The version of a package in an environment."
    lines = requirements_of(home, app).read_text().split("\n")
    pins = dict(line.split()[0].split("==") for line in lines if "==" in line)
    return pins.get(package, "")


def make_environment(home: str, cache: Path, app: Path, python: str) -> str:
    "Make an environment, unless it is there; say in a few words what was done."
    folder, requirements = cache / "environments" / home, requirements_of(home, app)
    stamp = f"{python} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"
    done = folder / "benchmark.txt"
    if done.exists() and done.read_text() == stamp:
        return "there already"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if uv := shutil.which("uv"):
        make = [uv, "venv", "--quiet", "--python", python, folder]
        install = [uv, "pip", "install", "--quiet", "--python", folder / "bin/python"]
    else:
        make = [f"python{python}", "-m", "venv", "--without-pip", folder]
        pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python"]
        install = [*pip, "install", "--quiet"]
    for command in (make, [*install, "-r", requirements]):
        try:
            done_so = subprocess.run(command, capture_output=True, text=True, env=environment)
        except FileNotFoundError as error:
            raise SetupError(f"{home}: {error.filename} is not installed") from None
        if done_so.returncode:
            said = [line for line in done_so.stderr.split("\n") if line.strip()]
            raise SetupError(f"{home}: {' '.join(said[-3:])[:400]}")
    done.write_text(stamp)
    return "made"


def size_of(home: str, cache: Path) -> int:
    "Bytes of what is installed in an environment, without byte code, which comes with use."
    total = 0
    for folder, names, files in os.walk(cache / "environments" / home / "lib"):
        names[:] = [name for name in names if name != "__pycache__"]
        total += sum(os.lstat(os.path.join(folder, file)).st_size for file in files)
    return total


def place_entrant(entrant: Entrant, cache: Path, app: Path) -> Path:
    "Copy what is served to a folder of its own, where a server may leave what it likes."
    folder = cache / "served" / entrant.folder
    source = app if entrant.folder == "app" else HERE / "peers" / entrant.folder
    ignore = shutil.ignore_patterns("__pycache__", "requirements.txt", "save.py", "*.sqlite*")
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=ignore)
    if entrant.folder == "mlflow" and not (folder / "model").exists():
        python, save = cache / "environments/mlflow/bin/python", source / "save.py"
        command = [python, save, cache / "model/model.pkl", folder / "model"]
        saved = subprocess.run(command, capture_output=True, text=True, env=clean_environment({}))
        if saved.returncode:
            raise SetupError(f"mlflow: {saved.stderr.strip()[-400:]}")
    return folder


def clean_environment(own: dict) -> dict:
    "The environment of a server: nothing of ours but where programs are, one thread for each."
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return kept | {"PATH": path, "OMP_NUM_THREADS": "1"} | own


def command_of(entrant: Entrant, cache: Path, port: int) -> tuple[list[str], dict]:
    "The command that starts a server, and its environment."
    environments = cache / "environments"
    fills = {
        "bin": environments / entrant.home / "bin", "port": port, "next": port + 1, "cache": cache,
    }  # fmt: skip
    own = {name: value.format(**fills) for name, value in entrant.environment.items()}
    standard = {
        "PORT": str(port), "WORKERS": "2", "MODEL": str(cache / "model/model.pkl"),
        "SERVE": str(cache / "served/app/serve.py"), "BENTOML_HOME": str(cache / "bentoml"),
    }  # fmt: skip
    command = [part.format(**fills) for part in re.split(r"\s+", entrant.command)]
    return command, clean_environment(standard | own)
