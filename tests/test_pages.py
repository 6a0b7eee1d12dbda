"""The pages for people: a form that keeps what was typed, a card, and a description to try out."""

import json
import os
import re
import shutil
import subprocess
import time
from html import unescape
from urllib.parse import urljoin

import pytest
from make_artifacts import BROWSER, HOME, fetch, make_artifact, serving

from mlprod.app.app import create_app
from mlprod.app.pages import read_field, write_field, write_score
from mlprod.generate import generate_app

FLIGHT = {
    "departs_at": "2013-07-05T18:30:00-04:00",
    "origin": "EWR",
    "carrier": "EV",
    "distance": 719,
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module", params=["flights", "penguins"])
def app(request, tmp_path_factory):
    "Each project's app."
    folder = tmp_path_factory.mktemp(request.param)
    make_artifact(request.param, folder)
    return create_app(folder, HOME)


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    "The folder of the flights' artifacts."
    folder = tmp_path_factory.mktemp("flights")
    make_artifact("flights", folder / "artifacts")
    return folder


@pytest.fixture
def client(flights):
    return create_app(flights / "artifacts", HOME).test_client()


def test_the_form_is_drawn_from_the_contract(app):
    "Each feature's column has a field with label, unit and limits, filled with the example."
    page, artifact = app.test_client().get("/").text, app.extensions["service"].artifact()
    for name, column in artifact.features.columns.items():
        said = artifact.contract["columns"][name]
        assert f'<label for="{name}">' in page and f'id="{name}"' in page
        assert said["unit"] is None or f"in {said['unit']}" in page
        field = re.search(rf'<(input|select) id="{name}".*?>', page)[0]
        assert ("required" in field) == (not said["may_be_missing"])
        if column.kind == "number":
            assert f'min="{said["range"][0]}" max="{said["range"][1]}"' in field
        if column.kind == "category":
            assert all(f">{value}</option>" in page for value in said["values"])
        if column.kind == "moment":
            assert 'type="datetime-local"' in field and said["timezone"] in page
        if column.kind != "category":
            assert f'value="{write_field(artifact.example[name], column)}"' in field
    assert artifact.version in page and "/card" in page and "/docs" in page and "curl" in page
    assert "<script" not in page, "works without JavaScript"


def test_the_form_answers_like_the_address_for_programs(app):
    "The same example, the same score, in words and number."
    client, artifact = app.test_client(), app.extensions["service"].artifact()
    columns, example = artifact.features.columns, artifact.example
    form = {name: write_field(value, columns[name]) for name, value in example.items()}
    page = client.post("/", data=form)
    (prediction,) = client.post("/predict", json=example).json["predictions"]
    assert page.status_code == 200 and f"{prediction['score']:.2f}" in page.text
    if artifact.threshold is None:
        assert f'<p class="headline">{prediction["decision"]}</p>' in page.text
        assert all(label in page.text for label in artifact.labels)
    else:
        assert ("Act</p>" in page.text) == (prediction["decision"] == "act")


def test_optional_fields_may_stay_empty(tmp_path):
    "What may be missing in the contract may be left out by a person."
    make_artifact("penguins", tmp_path)
    client = create_app(tmp_path, HOME).test_client()
    assert client.post("/", data={"island": "Dream"}).status_code == 200
    refused = client.post("/", data={"bill_length": "40"})
    assert refused.status_code == 422 and "island-problem" in refused.text


def test_the_form_keeps_what_was_typed(client):
    "The mistake stands beside its field, and nothing has to be typed again; nothing is unescaped."
    evil = '"><script>alert(1)</script>'
    form = {"departs_at": "2013-07-05T07:15", "origin": evil, "carrier": "AA", "distance": evil}
    page = client.post("/", data=form)
    assert page.status_code == 422 and "distance-problem" in page.text
    assert 'value="2013-07-05T07:15"' in page.text and "<option selected>AA</option>" in page.text
    assert "<script" not in page.text and "&lt;script&gt;" in page.text


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "1_000", "٣", "7l9", "--", "9" * 500])
def test_the_form_does_not_guess_numbers(client, text):
    "Python reads some of these as numbers; a person did not mean them."
    form = {"departs_at": "2013-07-05T07:15", "origin": "EWR", "carrier": "AA", "distance": text}
    assert client.post("/", data=form).status_code == 422


def test_a_browsers_moment_is_local_time(client):
    "What is typed as half past six is half past six in New York, summer and winter."
    for day, offset in [("2013-07-05", "-04:00"), ("2013-12-05", "-05:00")]:
        form = {"origin": "EWR", "carrier": "EV", "distance": "719"}
        page = client.post("/", data=form | {"departs_at": f"{day}T18:30"}).text
        row = FLIGHT | {"departs_at": f"{day}T18:30:00{offset}"}
        score = client.post("/predict", json=row).json["predictions"][0]["score"]
        assert f"Score {score:.2f}" in page


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("2013-03-10T02:30", "this one they leave out"),
        ("2013-07-32T10:00", "expected a date and a time"),
        ("tomorrow", "expected a date and a time"),
        ("", "expected a value, got nothing"),
        ("1999-07-05T18:30", "expected 2013-01-01"),
        ("0001-01-01T00:00", "problem"),
        ("9999-12-31T23:59", "problem"),
        ("0001-01-01T00:00+14:00", "problem"),
        ("9999-12-31T23:59-14:00", "problem"),
    ],
)
def test_a_time_that_cannot_be_is_refused_in_words_for_people(client, typed, says):
    "Also the one that the clocks leave out in spring, and those at the ends of the calendar."
    form = {"origin": "EWR", "carrier": "EV", "distance": "719", "departs_at": typed}
    page = client.post("/", data=form)
    assert page.status_code == 422 and f'value="{typed}"' in unescape(page.text)
    assert says in re.search(r'<p class="problem" id="departs_at-problem">.*?</p>', page.text)[0]


def test_of_a_time_that_comes_twice_the_first_is_meant(client):
    "In autumn; with its offset typed, it can be the second."
    column = client.application.extensions["service"].artifact().features.columns["departs_at"]
    assert read_field("2013-11-03T01:30", column) == "2013-11-03T01:30:00-04:00"
    assert read_field("2013-11-03T01:30-05:00", column) == "2013-11-03T01:30:00-05:00"


def test_digits_tell_a_score_from_its_threshold():
    "As many as it takes, and no more."
    assert write_score(0.41, 0.33) == ("0.41", "0.33")
    assert write_score(0.33, 0.33) == ("0.33", "0.33")
    assert write_score(0.3299, 0.33) == ("0.3299", "0.3300")
    assert write_score(0.5, None)[0] == "0.50"


def test_the_card_is_text_or_a_page(client):
    "Markdown for programs; for a browser a page."
    assert client.get("/card").mimetype == "text/markdown"
    page = client.get("/card", headers=BROWSER)
    assert page.mimetype == "text/html" and "Late departures" in page.text


def test_pages_load_nothing_from_elsewhere(app):
    "Their rules forbid it, and they do not ask for it."
    for place in ("/", "/card", "/docs"):
        page = app.test_client().get(place, headers=BROWSER)
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
        for tag in re.findall(r"<(?:script|link|img|iframe)[^>]*>", page.text):
            assert re.search(r'(?:src|href)="\./static/[a-z.]+"', tag), tag
        assert not re.search(r"<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=", page.text)


def test_addresses_on_pages_are_relative(app):
    "So the app works below whatever path a proxy puts before it; from any depth they lead home."
    for place in ("/", "/card", "/docs", "/nowhere", "/no/such/page"):
        page = app.test_client().get(place, headers=BROWSER).text
        told = re.findall(r'(?:src|href|action|data-address)="([^"#]+)"', page)
        assert len(told) >= 3
        for address in told:
            if not address.startswith("https://"):
                inside = urljoin(f"https://hub/user/ada/app{place}", address)
                assert inside.startswith("https://hub/user/ada/app/"), (place, address)
                assert address.startswith("." if place.count("/") == 1 else "../../"), address


def test_docs_say_everything_that_the_description_says(app):
    "Each address, each status, each column, each example."
    client = app.test_client()
    page, api = unescape(client.get("/docs").text), client.get("/openapi.json").json
    for place, methods in api["paths"].items():
        for method in methods:
            assert re.search(rf">{method.upper()}</span> <code>{re.escape(place)}</code>", page)
    for status, response in api["components"]["responses"].items():
        assert f"<code>{status}</code>" in page and response["description"] in page
    for name, column in app.extensions["service"].artifact().contract["columns"].items():
        assert f"<code>{name}</code>" in page
        if name in api["components"]["schemas"]["Row"]["required"]:
            assert column["description"][1:] in page


def test_curl_lines_work_as_they_stand(flights, tmp_path):
    "Each of them, pasted into a shell; of /feedback, whose id is an example, the answer is 404."
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("there is no curl, or no bash")
    with serving(generate_app(flights / "artifacts", tmp_path / "app")) as address:
        page = fetch(f"{address}/docs")[2].decode()
        lines = [unescape(line) for line in re.findall(r"<code>(curl .*?)</code>", page, re.DOTALL)]
        assert len(lines) == 2 * 4 + 2 + 8
        for line in lines:
            line += " -s -o /dev/null -w '%{http_code}'"
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20)
            assert done.stdout == ("404" if "/feedback" in line else "200"), line


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")
def test_the_example_can_be_sent_from_the_page(flights, tmp_path):
    "In a real browser: the button, and the answer with its status and how long it took."
    app = generate_app(flights / "artifacts", tmp_path / "app")
    driver = app / "static" / "driver.js"  # presses the keys that a person would
    layout = app / "templates" / "layout.html"
    script = '<script src="/static/driver.js" defer></script></head>'
    text = layout.read_text(encoding="utf-8").replace("</head>", script)
    layout.write_text(text, encoding="utf-8")
    ways = {
        "the example": "",
        "CSV": "kind.value = 'text/csv'; kind.dispatchEvent(new Event('change'));",
        "a mistake": "body.value = body.value.replace('719', '7');",
    }
    says = {"the example": "200 after", "CSV": "200 after", "a mistake": "422 after"}
    for name, steps in ways.items():
        driver.write_text(f"{steps} form.querySelector('button').click();", encoding="utf-8")
        with serving(app) as address:
            shown = read_dom(f"{address}/docs", tmp_path / "profile")
        answer = unescape(re.search(r'<div id="answer".*?</div>', shown, re.DOTALL)[0])
        assert says[name] in answer and " ms" in answer, answer
        content = json.loads(re.search(r"<code>(.*?)</code>", answer, re.DOTALL)[1])
        if name == "a mistake":
            assert content["errors"][0]["column"] == "distance"
        else:
            assert content["predictions"][0]["decision"] in ("act", "leave")


def read_dom(address, profile):
    "What a page has become in a browser after its scripts have run."
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    options += ["--disable-background-networking", f"--user-data-dir={profile}"]
    options += ["--virtual-time-budget=5000", "--dump-dom"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for _ in range(2):  # a browser that is starting on a busy machine may miss its time
        done = subprocess.run(
            [CHROMIUM, *options, address], capture_output=True, text=True, timeout=60, env=outside
        )
        if 'id="answer" role="status">' in done.stdout:
            break
        time.sleep(1)
    return done.stdout
