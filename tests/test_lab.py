"""JupyterLab is home: two tiles, a start page, and settings that stay in the repository."""

import importlib.metadata
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from make_artifacts import BROWSER, make_artifact

from mlprod.app.model import load_artifact, read_pointer
from mlprod.course import lab
from mlprod.generate import generate_app

ROOT = Path(__file__).resolve().parent.parent
GROUP = "jupyter_serverproxy_servers"
TILES = {"mlprod-app": lab.describe_app_tile, "mlprod-course": lab.describe_course_tile}


def test_the_package_declares_both_tiles():
    "JupyterLab's server finds them in the package's metadata, under the names that are paths."
    declared = [
        importlib.metadata.EntryPoint(name.strip(), value.strip(), GROUP)
        for name, value in (line.split("=") for line in read_tiles())
    ]

    assert {point.name: point.load() for point in declared} == TILES


@pytest.mark.parametrize("name", TILES)
def test_a_tile_is_what_jupyter_server_proxy_expects(name):
    "It makes a process of it, with an icon that is there, in a tab of JupyterLab."
    config = pytest.importorskip("jupyter_server_proxy.config")
    tile = config.ServerProcess(name=name, **TILES[name]())

    assert tile.launcher_entry.path_info == f"{name}/"
    assert Path(tile.launcher_entry.icon_path).read_text(encoding="utf-8").startswith("<svg")
    assert tile.new_browser_tab is False
    assert "{port}" in tile.command[-1]
    assert tile.make_proxy_handler()[0] is not None


def fetch(address, **headers):
    "Status, headers and text of an answer."
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, headers=headers), timeout=60
        ) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def read_tiles():
    "The lines of settings.ini that declare the tiles."
    text = (ROOT / "settings.ini").read_text(encoding="utf-8")
    lines = re.search(r"^jupyter_servers =\n((?:    .+\n)+)", text, re.MULTILINE)[1]
    return [line.strip() for line in lines.splitlines()]


def write_settings(folder):
    "A package that is this checkout's, whatever is installed; and no extension but the proxy."
    package = folder / "mlprod-0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mlprod\nVersion: 0\n")
    (package / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *read_tiles(), ""]))
    wanted = {}
    for path in Path(sys.prefix).glob("etc/jupyter/jupyter_server_config.d/*.json"):
        wanted |= json.loads(path.read_text(encoding="utf-8"))["ServerApp"]["jpserver_extensions"]
    wanted = dict.fromkeys(wanted, False) | {"jupyter_server_proxy": True}
    (folder / "config_dir" / "jupyter_server_config.d").mkdir(parents=True)
    (folder / "config_dir" / "jupyter_server_config.d" / "tests.json").write_text(
        json.dumps({"ServerApp": {"jpserver_extensions": wanted}})
    )


@contextmanager
def jupyter_server(folder):
    "A server with both tiles, started in the repository, with nothing of the user's; its address."
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    write_settings(folder)
    own = {f"JUPYTER_{name}_DIR": str(folder / f"{name.lower()}_dir") for name in
           ("CONFIG", "DATA", "RUNTIME")}  # fmt: skip
    paths = [str(folder), str(ROOT), os.environ.get("PYTHONPATH")]
    own |= {"JUPYTER_CONFIG_PATH": own["JUPYTER_CONFIG_DIR"]}  # before what the environment says
    own |= {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with open(folder / "server.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser",
                f"--port={port}", "--ServerApp.port_retries=0",
                "--ServerApp.base_url=/user/ada/", "--IdentityProvider.token=secret",
            ],
            cwd=ROOT, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}/user/ada"
    try:
        for _ in range(600):
            assert process.poll() is None, (folder / "server.log").read_text(encoding="utf-8")
            try:
                fetch(f"{address}/api")
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.skipif(os.name == "nt", reason="ends processes in another way on Windows")
def test_a_jupyter_server_serves_both_tiles_to_those_who_have_logged_in(tmp_path):
    "Below the prefix of a hub, in frames of its own pages; the processes end with the server."
    pytest.importorskip("jupyter_server_proxy")
    login = {"Authorization": "token secret"}
    with jupyter_server(tmp_path) as address:
        status, _, page = fetch(f"{address}/mlprod-app/")
        assert "Score" not in page, "a page of Jupyter's that asks for the token"

        with ThreadPoolExecutor() as both:  # two processes start: let them do it side by side
            course = both.submit(fetch, f"{address}/mlprod-course/", **login)
            status, headers, page = fetch(f"{address}/mlprod-app/", **login, **BROWSER)
        assert status == 200, (tmp_path / "server.log").read_text(encoding="utf-8")
        rules = lab_rules(headers)
        assert rules["frame-ancestors"] == ["'self'"] and rules["default-src"] == ["'self'"]
        inside = re.search(r"curl (http://127\.0\.0\.1:\d+/)predict", page)[1]
        assert json.loads(fetch(f"{inside}livez")[2]) == {"status": "alive"}
        styles = re.search(r'rel="stylesheet" href="(.+?)"', page)[1]
        there = urllib.parse.urljoin(f"{address}/mlprod-app/", styles)
        assert "--accent" in fetch(there, **login)[2]

        status, headers, page = course.result()
        assert status == 200 and lab_rules(headers)["frame-ancestors"] == ["'self'"]
        for link in re.findall(r'href="(\.\./lab/tree/.+?)"', page):
            there = urllib.parse.urljoin(f"{address}/mlprod-course/", link)
            assert (ROOT / there.removeprefix(f"{address}/lab/tree/")).is_file(), there
        assert page.count('scope="row"') == len(list((ROOT / "nbs").glob("[0-9]*_*.ipynb")))

    for _ in range(300):  # the app ends after the server, which does not wait for it
        try:
            fetch(f"{inside}livez")
            time.sleep(0.1)
        except OSError:
            break
    else:
        raise AssertionError("the app outlives the server that started it")


def lab_rules(headers):
    "A content security policy as a dictionary."
    rules = [rule.split() for rule in headers["Content-Security-Policy"].split(";")]
    assert len({rule[0] for rule in rules}) == len(rules)
    return {name: values for name, *values in rules}


def test_new_code_of_the_app_is_a_reason_to_start_again(tmp_path):
    "Written, added or taken away; what it follows by itself is none."
    (tmp_path / "templates").mkdir()
    page = tmp_path / "templates" / "form.html"
    page.write_text("one", encoding="utf-8")
    stamps = [lab.list_stamps(tmp_path)]
    os.utime(page, ns=(1, 1))
    stamps.append(lab.list_stamps(tmp_path))
    (tmp_path / "app.py").touch()
    stamps.append(lab.list_stamps(tmp_path))
    page.unlink()
    stamps.append(lab.list_stamps(tmp_path))
    assert all(one != other for one, other in zip(stamps, stamps[1:], strict=False))

    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "in_service.json").touch()
    assert lab.list_stamps(tmp_path) == stamps[-1]


def predict_example(port, artifact):
    "The score that the app gives to the example of a contract; None while another one answers."
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", json.dumps([artifact.example]).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["predictions"][0]["score"]
    except OSError:  # it starts, or has the columns of another contract
        return None


@pytest.mark.skipif(os.name == "nt", reason="ends processes in another way on Windows")
def test_the_tile_logs_for_the_project_that_the_app_serves(tmp_path):
    "When the app is another project's, the tile starts it again, with that project's log."
    (tmp_path / "settings.ini").touch()
    (tmp_path / "nbs").mkdir()
    app, scores = tmp_path / "app", {}
    for name in ("penguins", "flights"):
        make_artifact(name, tmp_path / "built" / name)
    generate_app(tmp_path / "built" / "penguins", app)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = lab.describe_app_tile()["command"]
    process = subprocess.Popen([part.format(port=port) for part in command], cwd=tmp_path)
    try:
        for name in ("penguins", "flights"):
            shutil.copytree(tmp_path / "built" / name, app / "artifacts", dirs_exist_ok=True)
            artifact = load_artifact(app / "artifacts" / read_pointer(app / "artifacts"))
            for _ in range(600):
                scores[name] = predict_example(port, artifact)
                if scores[name] is not None:
                    break
                time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(30)

    for name, score in scores.items():
        with closing(sqlite3.connect(tmp_path / "artifacts" / name / "log.sqlite")) as log:
            assert log.execute("select score from predictions").fetchall() == [(score,)]
    assert not (tmp_path / "artifacts" / "log.sqlite").exists()


def make_course(**changes):
    "A course of one lesson, and the names of the lessons that were started."
    facts = {
        "number": "04", "name": "04_train", "title": "Train <script>", "hat": "Data scientist",
        "minutes": 80, "done": [1], "total": 4, "started": False, "next": True,
    } | changes  # fmt: skip
    started = []
    app = lab.make_course_app(
        ROOT,
        lambda root: [SimpleNamespace(**facts)],
        lambda root, name: started.append(name),
        "courses/mlprod",
    )
    return app.test_client(), started


def test_the_page_leads_to_the_learners_notebook_once_there_is_one():
    "Until then it can be started; the lesson with its answers is nobody's way by accident."
    path = "courses/mlprod/work/04_train.ipynb"
    for begun in (False, True):
        page = make_course(started=begun)[0].get("/").text
        row = re.search(r'<th scope="row">.*?</th>', page)[0]
        assert f'data-path="{path}"' in row and "nbs/" not in page
        assert (f'href="../lab/tree/{path}"' in row) == begun
        assert ('<form method="post" action="start/04_train">' in row) != begun


def test_the_page_escapes_and_loads_nothing_from_elsewhere():
    "A lesson's title is text; scripts and styles are the page's own."
    page = make_course()[0].get("/")
    assert "Train &lt;script&gt;" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert re.findall(r'(?:src|rel="stylesheet" href)="(.+?)"', page.text)
    for address in re.findall(r'(?:src|href|action)="(.+?)"', page.text):
        assert not re.match(r"[a-z]+:|/", address), address


def test_only_the_page_itself_can_start_a_lesson():
    "A page of another site has the browser's login as well."
    client, started = make_course()
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 302)):
        answer = client.post("/start/04_train", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status
    assert started == ["04_train"]
    assert client.get("/start/04_train").status_code == 405


def test_a_lesson_that_was_started_is_not_started_again():
    "Nor one that there is not."
    client, started = make_course(started=True)
    for name in ("04_train", "no_such_lesson", "..%2f04_train"):
        client.post(f"/start/{name}")
    assert started == []


def test_progress_that_cannot_be_read_is_one_line_on_the_page():
    "It names the file, and the way out; the page stays."
    def broken(root):
        raise ValueError("work/progress.json: expected <lessons>; mend it, or move it away")

    page = lab.make_course_app(ROOT, broken, broken).test_client().get("/")
    assert page.status_code == 200
    assert "work/progress.json: expected &lt;lessons&gt;; mend it" in page.text


def test_the_repositorys_settings_open_the_start_page_rendered():
    "In .jupyter/, for those who start JupyterLab here; nothing is written into the user's own."
    settings = json.loads((ROOT / ".jupyter/jupyter_lab_config.json").read_text(encoding="utf-8"))
    path = settings["LabApp"]["default_url"].removeprefix("/lab/tree/")
    assert (ROOT / path).is_file()
    opened = ROOT / ".jupyter/labconfig/default_setting_overrides.json"
    viewers = json.loads(opened.read_text(encoding="utf-8"))
    viewers = viewers["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]
    assert viewers["markdown"] == "Markdown Preview"


def test_containers_and_binder_use_the_one_set_up():
    "They call make.py, or install the lock as it does; nothing is listed a second time."
    text = (ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8")
    container = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert container["onCreateCommand"] == "python3 make.py setup"
    assert container["postAttachCommand"].startswith("python3 make.py lab ")
    steps = (ROOT / "binder/postBuild").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements.lock" in steps and "--editable ." in steps
    version = (ROOT / "binder/runtime.txt").read_text(encoding="utf-8").strip()
    settings = (ROOT / "settings.ini").read_text(encoding="utf-8")
    tested = re.search(r"^python_versions = (.+)$", settings, re.MULTILINE)[1].split()
    assert version.removeprefix("python-") in tested
