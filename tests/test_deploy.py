"""Where the app is to run: what its image does, six clouds, and the files that describe them."""

import ast
import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from make_artifacts import BROWSER, ROOT, fetch, make_artifact
from ruamel.yaml import YAML

from mlprod.app.model import load_artifact
from mlprod.app.rows import check_rows
from mlprod.generate import generate_app

HOME = ROOT / "mlprod" / "files" / "app"  # where the files for the platforms are written
USER = 1000
JSON = {"Content_Type": "application/json"}


# ---- What the files say ------------------------------------------------------------------------


def read_dockerfile(path=HOME / "Dockerfile"):
    "Instructions in their order, each with what follows it; no comments."
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def say(instruction):
    "What the Dockerfile says last with an instruction."
    return [value for name, value in read_dockerfile() if name == instruction][-1]


def read_yaml(name):
    "All documents of a YAML file."
    return list(YAML(typ="safe", pure=True).load_all((HOME / name).read_text(encoding="utf-8")))


def read_front_matter():
    "What README.md tells Hugging Face Spaces."
    return YAML(typ="safe", pure=True).load((HOME / "README.md").read_text().split("---\n")[1])


def settings():
    "The environment that the image brings."
    return dict(pair.split("=", 1) for pair in shlex.split(say("ENV")))


def health_check():
    "The command of the image's health check, and its options."
    options, command = say("HEALTHCHECK").split("CMD ", 1)
    return json.loads(command), options


IMAGE_PORT = int(say("EXPOSE"))
AWS_READINESS = "AWS_LWA_READINESS_CHECK_PATH"  # read by the web adapter, not by the app
(COMPOSE,) = read_yaml("compose.yaml")
KUBERNETES = {document["kind"]: document for document in read_yaml("kubernetes.yaml")}
POD = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
(RENDER,) = read_yaml("render.yaml")[0]["services"]
PROBES = [POD["containers"][0][f"{name}Probe"] for name in ("startup", "readiness", "liveness")]


# ---- Running it --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["flights"])
def app(request, tmp_path_factory):
    "A generated app."
    folder = tmp_path_factory.mktemp("deploy")
    make_artifact(request.param, folder / "artifacts")
    return generate_app(folder / "artifacts", folder / "app")


@pytest.fixture(scope="module")
def example(app):
    "A row, and the prediction that it has to get."
    (folder,) = (path for path in (app / "artifacts").iterdir() if path.is_dir())
    artifact = load_artifact(folder)
    rows = check_rows([artifact.example], artifact.features)
    (prediction,), _ = artifact.predict(rows, "example")
    return artifact.example, prediction.score, prediction.decision


def free_port(wanted=0):
    "A port that nobody listens on, the wanted one if it can be."
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", wanted))
        except OSError:
            probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


@contextmanager
def running(app, port, python=sys.executable, arguments=(), user=None, **environment):
    "Run the image's entry point in its environment and a platform's; give the address."
    _, *words = json.loads(say("ENTRYPOINT"))
    outside = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    who = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            [str(python), *words, *arguments],
            cwd=app,
            env=outside | settings() | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            **who,
        )
        try:
            until = time.monotonic() + 30
            while fetch(f"http://127.0.0.1:{port}/livez")[0] != 200:
                if process.poll() is not None or time.monotonic() > until:
                    output.seek(0)
                    raise AssertionError(f"the app did not start:\n{output.read()}")
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == (0 if os.name == "posix" else process.returncode)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def ask(address, example, body=None):
    "Ask for one prediction, and see that it is the right one."
    row, score, decision = example
    body = json.dumps([row]).encode() if body is None else body
    status, answered, reply = fetch(address, body, Content_Type="application/json")
    assert (status, answered) == (200, "application/json"), reply
    (prediction,) = json.loads(reply)["predictions"]
    assert abs(prediction["score"] - score) < 1e-6 and prediction["decision"] == decision


def test_cloud_run_and_render_say_the_port(app, example):
    "Both set PORT; Render asks for the health that render.yaml names."
    port = free_port()
    given = {variable["key"]: variable["value"] for variable in RENDER["envVars"]}
    with running(app, port, PORT=str(port), RENDER="true", **given) as address:
        assert fetch(address + RENDER["healthCheckPath"])[0] == 200
        ask(address + "/predict", example)
    port = free_port()
    service = {"K_SERVICE": "app", "K_REVISION": "app-00001-abc", "WORKERS": "1"}
    with running(app, port, PORT=str(port), **service) as address:
        assert fetch(address + "/ping")[0] == 200  # from outside: Google keeps /readyz to itself
        ask(address + "/predict", example)


def test_a_space_finds_the_app_on_its_port(app, example):
    "Spaces set no PORT, but read the port from README.md, and wait for the page."
    wanted = read_front_matter()["app_port"]
    port = free_port(wanted)
    taken = {} if port == wanted else {"PORT": str(port)}  # somebody else listens there
    with running(app, port, SPACE_ID="you/app", WORKERS="1", **taken) as address:
        assert fetch(address + "/", **BROWSER)[0] == 200
        ask(address + "/predict", example)


def test_sagemaker_says_serve(app, example):
    "It gives the argument `serve`, no port, and sends JSON to /invocations."
    port = free_port(8080)
    taken = {} if port == 8080 else {"PORT": str(port)}
    with running(app, port, arguments=["serve"], WORKERS="1", **taken) as address:
        assert fetch(address + "/ping")[0] == 200
        ask(address + "/invocations", example)


def test_vertex_asks_at_the_routes_that_it_was_told(app, example):
    "They and the port are flags of the upload; rows come as instances."
    told = re.search(r"ai models upload.*?\n\n?gcloud", (HOME / "DEPLOY.md").read_text(), re.S)[0]
    flags = dict(re.findall(r"--container-(ports|health-route|predict-route) (\S+)", told))
    assert flags["ports"] == str(IMAGE_PORT)
    port = free_port()
    vertex = {"AIP_HTTP_PORT": "1", "AIP_HEALTH_ROUTE": "a", "AIP_PREDICT_ROUTE": "b"}
    with running(app, port, PORT=str(port), WORKERS="1", **vertex) as address:
        assert fetch(address + flags["health-route"])[0] == 200
        body = json.dumps({"instances": [example[0]]}).encode()
        ask(address + flags["predict-route"], example, body)


def test_lambda_asks_at_the_port_and_path_that_it_was_told(app, example):
    "The web adapter waits for its path, then passes requests on; the app listens at PORT."
    text = (HOME / "DEPLOY.md").read_text()
    variables = dict(
        re.findall(r"(\w+)=([^,}]+)", re.search(r"Variables=\{(.*?)\}'", text)[1] + "}")
    )
    assert variables["PORT"] == variables["AWS_LWA_PORT"]
    port = free_port()
    with running(app, port, **variables | {"PORT": str(port)}) as address:
        assert fetch(address + variables["AWS_LWA_READINESS_CHECK_PATH"])[0] == 200
        ask(address + "/predict", example)


# ---- What the image would do -------------------------------------------------------------------


def run_as(user, *command, **options):
    "Run a program to its end, as somebody else where a number is given."
    who = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    command = list(map(str, command))
    return subprocess.run(command, capture_output=True, text=True, **who, **options)


def find_python(user):
    "A Python of this version that the user may run: root's own lies where nobody else may look."
    version = f"assert {tuple(sys.version_info[:2])} == __import__('sys').version_info[:2]"
    for python in (sys._base_executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        try:
            if run_as(user, python, "-c", version, cwd="/").returncode == 0:
                return python
        except OSError:
            continue
    return None


UNREACHABLE = "onnection|resolve|dns|network|timed out|offline"


def install(python, environment, requirements):
    "Make an environment with these requirements only; give its Python."
    made = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    tools = environment.with_name("tools")  # brings the pip, which the image has not
    pip = [tools / made.relative_to(environment), "-m", "pip", "--python", made, "install"]
    pip += ["--quiet", "--no-compile", "--only-binary", ":all:", "--require-hashes"]
    make = [python, "-m", "venv"]
    for command in (
        [*make, tools],
        [*make, "--without-pip", environment],
        [*pip, "--requirement", requirements],  # as the Dockerfile does
    ):
        done = run_as(None, *command)
        if done.returncode and re.search(UNREACHABLE, done.stderr) and "CI" not in os.environ:
            pytest.skip("the package index cannot be reached")
        assert done.returncode == 0, done.stderr
    return made


def copy_as_docker(app, to):
    "Copy what .dockerignore lets through: nothing, but for the names that it allows."
    first, *others = (app / ".dockerignore").read_text().splitlines()[1:]
    allowed = [pattern[1:] for pattern in others if pattern.startswith("!")]
    assert first == "*"
    to.mkdir()
    for path in app.iterdir():
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in allowed):
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, to / path.name)


def seen(folder):
    "Every file of a folder, and when it was written."
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def image(app):
    "What a build would leave: app, Python with its requirements, and the user who runs it."
    user = USER if hasattr(os, "getuid") and os.getuid() == 0 else None
    python = find_python(user)
    if python is None:
        user, python = None, sys._base_executable
    folder = Path(tempfile.mkdtemp(prefix="app image "))  # pytest's own are closed to others
    folder.chmod(0o755)
    try:
        for secret in (".env", "predictions.sqlite", "notes.txt"):
            (app / secret).write_text("secret")
        copy_as_docker(app, folder / "srv")
        inside = install(python, folder / "venv", app / "requirements.txt")
        for part in ("srv", "venv"):
            run_as(None, inside, "-m", "compileall", "-q", folder / part)
        (folder / "tmp").mkdir()
        (folder / "log").mkdir()
        if user is not None:
            os.chown(folder / "tmp", user, user)
            os.chown(folder / "log", user, user)
        for path in [folder / "srv", *(folder / "srv").rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield folder, inside, user
    finally:
        for path in [folder / "srv", *(folder / "srv").rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(folder)


def paths_that_are_asked(app):
    "Those of the probes, the scrape and the health check, and those that the pages name."
    annotations = KUBERNETES["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    paths = {probe["httpGet"]["path"] for probe in PROBES} | {annotations["prometheus.io/path"]}
    paths |= {RENDER["healthCheckPath"], *re.findall(r"'GET', '(/\w+)'", health_check()[0][-1])}
    text = (app / "DEPLOY.md").read_text(encoding="utf-8")
    paths |= set(re.findall(r"curl http://127\.0\.0\.1:8080(/\w+)", text))
    paths |= set(re.findall(r"(?:health-route |CHECK_PATH=)(/\w+)", text))
    readme = (app / "README.md").read_text(encoding="utf-8")
    return paths | set(re.findall(r"`GET (/[\w.]*)`", readme))


@pytest.mark.timeout(300)
def test_the_image_runs_alone_on_a_file_system_that_is_read_only(image, app, example):
    "With its own requirements, as its own user; it answers everything, and leaves only the log."
    folder, python, user = image
    absent = "from importlib.util import find_spec as f; print(f('mlprod'), f('pandas'), f('pip'))"
    assert run_as(user, python, "-I", "-c", absent, cwd="/").stdout.split() == ["None"] * 3
    written = run_as(user, python, "-c", "open('mine', 'w')", cwd=folder / "srv")
    may_write = os.name == "posix" and user is None and os.getuid() == 0
    assert may_write or "PermissionError" in written.stderr or os.name == "nt"
    before, port = seen(folder / "srv"), str(free_port())
    given = {"PORT": port, "TMPDIR": str(folder / "tmp"), "TEMP": str(folder / "tmp")}
    given["PREDICTION_LOG"] = str(folder / "log" / Path(log_file()).name)
    with running(folder / "srv", port, python, user=user, **given) as address:
        ask(address + "/predict", example)
        answers = {path: fetch(address + path)[0] for path in paths_that_are_asked(app)}
        (_, *command), _ = health_check()
        healthy = run_as(user, python, *command, env=os.environ | settings() | {"PORT": port})
        assert (healthy.returncode, healthy.stderr) == (0, "")
    sick = run_as(user, python, *command, env=os.environ | settings() | {"PORT": port})
    assert sick.returncode == 1
    assert {"/", "/livez", "/readyz", "/ping", "/metrics", "/openapi.json"} <= set(answers)
    assert {path for path, status in answers.items() if status != 200} == set()
    assert seen(folder / "srv") == before
    assert list((folder / "log").iterdir()) and not list((folder / "tmp").iterdir())


def test_only_what_the_app_runs_on_gets_into_the_image(image, app):
    "No notes, no secrets, no log: whoever may pull the image may read it."
    names = {path.name for path in (image[0] / "srv").iterdir()} - {"__pycache__"}
    generated = {name.split("/")[0] for name in json.loads((app / "generated.json").read_text())}
    assert {path.name for path in app.glob("*.py")} < names < generated
    assert not {name for name in names if name.endswith((".md", ".yaml", "file"))}


# ---- The files ---------------------------------------------------------------------------------


def log_file():
    "Where compose.yaml lets the app log predictions."
    return COMPOSE["services"]["app"]["environment"]["PREDICTION_LOG"]


def given_to_the_server(app):
    "What serve.py passes to the server, as far as it is written there as a number."
    tree = ast.parse((app / "serve.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    (call,) = (call for call in calls if ast.unparse(call.func) == "Granian")
    return {
        word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)
    }


def read_from_the_environment(app):
    "Names of the variables that the app's modules read, found in their code."
    names = set()

    def add(*nodes):
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            elif isinstance(node, (ast.Tuple, ast.List)):
                add(*node.elts)
            elif isinstance(node, ast.Dict):
                add(*node.keys)

    loops = (ast.For, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
    for path in app.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        readers = {"os.environ.get", "os.environ.setdefault", "os.environ.pop", "os.getenv"}
        own = {
            node.name
            for node in nodes
            if isinstance(node, ast.FunctionDef) and "os.environ" in ast.unparse(node)
        }
        for node in nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) in readers:
                add(node.args[0])
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in own:
                add(*(word for word in node.args if re.fullmatch(r"'[A-Z_]+'", ast.unparse(word))))
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                add(node.slice)
            elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "os.environ":
                add(node.left)
            elif isinstance(node, loops) and "os.environ" in ast.unparse(node):
                add(*(part for part in ast.walk(node) if isinstance(part, (ast.Tuple, ast.Dict))))
                used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                constants = (part for part in tree.body if isinstance(part, ast.Assign))
                add(*(part.value for part in constants if ast.unparse(part.targets[0]) in used))
    return {name for name in names if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", name)}


def test_deploy_names_every_variable_that_the_app_reads(app):
    "And no other; so do the files for the platforms."
    text = (app / "DEPLOY.md").read_text(encoding="utf-8")
    section = text.split("## What the environment sets")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    ours = {"PROMETHEUS_MULTIPROC_DIR"}  # serve.py sets it itself
    assert named == read_from_the_environment(app) - ours
    service = COMPOSE["services"]["app"]
    given = {variable["key"] for variable in RENDER["envVars"]} | set(service["environment"])
    words = re.findall(r"--set-env-vars (\S+)|Variables=\{(.*)\}|^Environment=(\S+)", text, re.M)
    given |= {name for word in words for name in re.findall(r"(\w+)=", "".join(word))}
    libraries = {"PYTHONUNBUFFERED", "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"}
    assert given | set(settings()) - libraries <= named | {"AWS_LWA_PORT", AWS_READINESS}
    assert {"WORKERS", "PREDICTION_LOG", "AWS_LWA_PORT"} <= given


def test_the_dockerfile_is_sane():
    "No shell between the app and its signals, no root, no tag that moves under one's feet."
    instructions = read_dockerfile()
    names = [name for name, _ in instructions]
    base = re.fullmatch(r"python:3\.1[123]-slim@sha256:[0-9a-f]{64}", say("FROM"))
    assert base and names.count("FROM") == 1
    assert int(say("USER")) == USER and names.index("USER") < names.index("ENTRYPOINT")
    assert not {"ADD", "CMD", "SHELL", "VOLUME", "ARG"} & set(names)
    assert json.loads(say("ENTRYPOINT")) == ["python", "serve.py"]
    command, options = health_check()
    assert command[0] == "python" and "--timeout" in options
    assert settings()["HOST"] == "0.0.0.0" and "PORT" not in settings()  # it would hide the others
    assert "PYTHONDONTWRITEBYTECODE" not in (HOME / "Dockerfile").read_text()
    steps = [value for name, value in instructions if name == "RUN"]
    flags = {"--no-cache-dir", "--only-binary", "--require-hashes"}
    assert any(flags <= set(step.split()) for step in steps)
    assert "compileall -q /usr/local/lib ." in steps[-1] and "useradd --uid 1000" in steps[0]
    copies = [value for name, value in instructions if name == "COPY"]
    assert copies == ["requirements.txt .", ". ."]  # the libraries are built once


def test_compose_fits_the_published_schema_and_the_image():
    "Read-only, without rights, with limits, and a log that outlives the container."
    jsonschema, package = pytest.importorskip("jsonschema"), find_spec("check_jsonschema")
    if package is None:
        pytest.skip("check-jsonschema is not installed; it brings the schema")
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    check = jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    assert [error.message for error in check.iter_errors(COMPOSE)] == []
    assert list(check.iter_errors({"services": {"app": {"readonly": True}}}))
    service = COMPOSE["services"]["app"]
    assert service["ports"] == [f"127.0.0.1:8080:{IMAGE_PORT}"]
    assert service["read_only"] and service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"] and "test" not in service["healthcheck"]  # the image's own
    ((volume, place),) = (text.split(":") for text in service["volumes"])
    assert volume in COMPOSE["volumes"] and Path(log_file()).parent.as_posix() == place
    assert f"--owner=app {place}" in read_dockerfile()[1][1]  # or the volume would be root's


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_kubernetes_fits_the_published_schemas():
    "Of the oldest version that DEPLOY.md names, and of the newest; unknown fields are errors."
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    (oldest,) = re.findall(r"\((1\.\d+) or newer\)", (HOME / "DEPLOY.md").read_text())
    for version in (oldest, kubernetes_validate.latest_version()):
        for document in read_yaml("kubernetes.yaml"):
            kubernetes_validate.validate(document, version, strict=True)
    wrong = {**KUBERNETES["Service"], "spec": {"port": 80}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, oldest, strict=True)


def test_kubernetes_fits_the_image_and_itself(app):
    "Names, labels and ports meet; nobody is asked after leaving, nor cut off while answering."
    server, (container,) = given_to_the_server(app), POD["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == IMAGE_PORT
    labels = KUBERNETES["Deployment"]["spec"]["template"]["metadata"]
    assert labels["annotations"]["prometheus.io/port"] == str(IMAGE_PORT)
    selectors = [
        KUBERNETES["Deployment"]["spec"]["selector"]["matchLabels"],
        KUBERNETES["Service"]["spec"]["selector"],
        KUBERNETES["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert all(selector == labels["labels"] for selector in selectors)
    assert KUBERNETES["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert all(probe["httpGet"]["port"] == port["name"] for probe in PROBES)
    scaled = KUBERNETES["HorizontalPodAutoscaler"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == KUBERNETES["Deployment"]["metadata"]["name"]
    assert scaled["minReplicas"] > KUBERNETES["PodDisruptionBudget"]["spec"]["minAvailable"]
    assert "replicas" not in KUBERNETES["Deployment"]["spec"]  # the autoscaler's business
    assert KUBERNETES["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert container["image"] == COMPOSE["services"]["app"]["image"]
    assert POD["securityContext"]["runAsUser"] == USER
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/tmp"}
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] > pause + server["workers_kill_timeout"]
    grace = COMPOSE["services"]["app"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > server["workers_kill_timeout"]
    assert COMPOSE["services"]["app"]["pids_limit"] > 2 * 20  # of two workers, see front.py


def test_render_and_the_space_fit_the_image():
    "The fields that they need, and no port of their own."
    assert set(RENDER) == {"type", "name", "runtime", "plan", "healthCheckPath", "envVars"}
    assert (RENDER["type"], RENDER["runtime"]) == ("web", "docker")
    assert all(isinstance(variable["value"], str) for variable in RENDER["envVars"])
    matter = read_front_matter()
    assert (matter["sdk"], matter["app_port"]) == ("docker", IMAGE_PORT)


def test_the_pages_name_files_and_sections_that_there_are(app):
    "Whoever follows README.md or DEPLOY.md finds what they speak of."
    named, text = set(), ""
    for page in ("README.md", "DEPLOY.md"):
        text = (app / page).read_text(encoding="utf-8")
        named |= set(re.findall(r"`([\w/]+\.(?:py|yaml|md|txt))`|\]\(([\w.]+\.md)\)", text))
    names = {name for pair in named for name in pair if name}
    assert {name for name in names if not (app / name).is_file()} == set()
    assert {path.name for path in app.glob("*.py")} <= names
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    anchors = {section.lower().replace(" ", "-") for section in sections}
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= anchors
    accounts = text.split("| to |")[1].split("\n\n")[0]
    costly = {"a-linux-machine", "docker", "compose", "kubernetes", "hugging-face-spaces"}
    costly |= {"render", "cloud-run", "aws-lambda", "sagemaker", "vertex-ai"}
    assert set(re.findall(r"\]\(#([\w-]+)\)", accounts)) == costly
    for section in text.split("\n## ")[1:]:
        name = section.splitlines()[0].lower().replace(" ", "-")
        assert name not in costly or "Remove: " in section, name
