"""The pages for people: a form that keeps what was typed, a card, and an API to try out."""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from html import unescape
from urllib.parse import urljoin

import pytest
from flask import render_template
from make_artifacts import BROWSER, HOME, fetch, make_artifact, serving

from mlprod.app.app import create_app
from mlprod.app.errors import POLICY
from mlprod.app.model import Prediction
from mlprod.app.pages import explain_field, read_field, write_field, write_figures
from mlprod.app.rows import Problem, make_column
from mlprod.generate import generate_app
from mlprod.package import render_card

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


def artifact_of(app):
    "The artifact that an app serves."
    return app.extensions["service"].in_service.artifact()


@pytest.fixture
def client(flights):
    return create_app(flights / "artifacts", HOME).test_client()


def test_the_form_is_drawn_from_the_contract(app):
    "Each feature's column has a field with label, unit and limits, filled with the example."
    page, artifact = app.test_client().get("/").text, artifact_of(app)
    for name, column in artifact.features.columns.items():
        spec = artifact.contract["columns"][name]
        assert f'<label for="{name}">' in page and f'id="{name}"' in page
        assert spec["unit"] is None or f"in {spec['unit']}" in page
        field = re.search(rf'<(input|select) id="{name}".*?>', page)[0]
        assert ("required" in field) == (not spec["may_be_missing"])
        if column.kind == "number":
            assert f'min="{spec["range"][0]}" max="{spec["range"][1]}"' in field
        if column.kind == "category":
            assert all(f">{value}</option>" in page for value in spec["values"])
        if column.kind == "moment":
            assert 'type="datetime-local"' in field and spec["timezone"] in page
        if column.kind != "category":
            assert f'value="{write_field(artifact.example[name], column)}"' in field
    assert artifact.version in page and "/card" in page and "/docs" in page and "curl" in page
    assert "<script" not in page, "works without JavaScript"


def test_the_form_answers_like_the_address_for_programs(app):
    "The same example, the same score, in words and number."
    client, artifact = app.test_client(), artifact_of(app)
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
        ("2013-03-10T02:30", "expected a time that clocks in America/New_York show"),
        ("2013-07-32T10:00", "expected a time that clocks in America/New_York show"),
        ("tomorrow", "expected a time that clocks in America/New_York show"),
        ("", "expected a value, got nothing"),
        ("1999-07-05T18:30", "from 2012-12-31 19:00 to 2033-12-31 19:00"),
        ("0001-01-01T00:00", "from 2012-12-31 19:00"),
        ("9999-12-31T23:59", "to 2033-12-31 19:00"),
        ("0001-01-01T00:00+14:00", "expected a time"),
        ("9999-12-31T23:59-14:00", "expected a time"),
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
    column = artifact_of(client.application).features.columns["departs_at"]
    assert read_field("2013-11-03T01:30", column) == "2013-11-03T01:30:00-04:00"
    assert read_field("2013-11-03T01:30-05:00", column) == "2013-11-03T01:30-05:00"


@pytest.mark.parametrize(
    ("score", "threshold", "shown"),
    [
        (0.41, 0.33, "0.41, at or above the threshold of 0.33"),
        (0.33, 0.33, "0.33, at or above the threshold of 0.33"),
        (0.3299, 0.33, "0.3299, below the threshold of 0.3300"),
        (0.3349, 0.33, "0.335, at or above the threshold of 0.330"),
        (0.329999, 0.33, "0.329999, below the threshold of 0.330000"),
    ],
)
def test_digits_tell_a_score_from_its_threshold(client, score, threshold, shown):
    "As many as it takes, and no more."
    app = client.application
    artifact = artifact_of(app)
    decision = "act" if score >= threshold else "leave"
    with app.test_request_context("/"):
        artifact = replace(artifact, threshold=threshold)
        page = render_template(
            "form.html", artifact=artifact, fields=[], bars=[],
            answer=Prediction("id", score, decision), figures=write_figures(artifact, score),
        )  # fmt: skip
    assert f"Score {shown}: " in page


def test_the_card_is_text_or_a_page(client):
    "Markdown for programs; for a browser a page. Caches hear that it depends on who asks."
    card, page = client.get("/card"), client.get("/card", headers=BROWSER)
    assert card.mimetype == "text/markdown" and page.mimetype == "text/html"
    assert "Late departures" in page.text
    assert card.headers["Vary"] == page.headers["Vary"] == "Accept"


def test_a_card_cannot_bring_scripts_along(client):
    "Whatever somebody wrote into a contract or a report, by the library that renders it."
    app, text = client.application, "# <script>alert(1)</script> <img src=x onerror=alert(1)>\n"
    card = {"card.html": render_card(f"---\na: b\n---\n{text}[x](javascript:alert(1))")}
    with app.test_request_context("/card"):
        page = render_template("card.html", artifact=replace(artifact_of(app), card=card))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page and "<img" not in page and 'href="javascript' not in page


def test_problems_are_pages_in_a_browser(client):
    "With the request's id, a way back, and no more than a program gets."
    page = client.get("/nowhere", headers=BROWSER)
    assert page.status_code == 404 and page.mimetype == "text/html"
    assert page.headers["X-Request-Id"] in page.text and 'href="./"' in page.text
    assert page.headers["Vary"] == client.get("/nowhere").headers["Vary"] == "Accept"


FORM = {"departs_at": "2013-07-05T07:15", "origin": "EWR", "carrier": "AA", "distance": "719"}


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}),
        (200, {"Sec-Fetch-Site": "none"}),
        (200, {"Origin": "http://localhost"}),
        (200, {"Sec-Fetch-Site": "same-origin", "Origin": "https://name.by.a.proxy"}),
        (403, {"Sec-Fetch-Site": "cross-site"}),
        (403, {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}),
        (403, {"Sec-Fetch-Site": "", "Origin": "http://localhost"}),
        (403, {"Origin": "https://elsewhere.example"}),
        (403, {"Origin": "http://localhost:8081"}),
        (403, {"Origin": "null"}),
    ],
)
def test_a_form_of_another_site_is_refused(client, status, headers):
    "By what a browser says of where it comes from; neither scored nor logged."
    answer = client.post("/", data=FORM, headers=headers | BROWSER)
    assert answer.status_code == status
    assert status == 200 or "one from another site" in answer.text


def test_every_answer_carries_its_headers(client):
    "Pages, JSON, text, files and problems: no browser guesses a type, no page asks elsewhere."
    places = ("/", "/card", "/docs", "/openapi.json", "/metrics", "/nowhere", "/static/app.css")
    for place in places:
        for headers in ({}, BROWSER):
            answer = client.get(place, headers=headers)
            answer.close()
            assert answer.headers["X-Content-Type-Options"] == "nosniff", place
            if answer.mimetype == "text/html":
                assert answer.headers["Content-Security-Policy"] == POLICY
    assert {"form-action 'self'", "base-uri 'none'"} <= set(POLICY.split("; "))


def test_a_range_may_end_with_the_calendar():
    "A form is drawn where no clock can show the end, and its problems are explained."
    spec = {"kind": "moment", "description": "", "example": None, "may_be_missing": False}
    ends = ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"]
    for zone in ("America/New_York", "Asia/Tokyo"):
        column = make_column("at", spec | {"range": ends, "timezone": zone})
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", write_field(e, column)) for e in ends)
        assert "from 0001-01-01" in explain_field("x", column, Problem(1, "at", "", "type"))


def test_pages_load_nothing_from_elsewhere(app):
    "Their rules forbid it, and they do not ask for it."
    for place in ("/", "/card", "/docs"):
        page = app.test_client().get(place, headers=BROWSER)
        for tag in re.findall(r"<(?:script|link|img|iframe)[^>]*>", page.text):
            assert re.search(r'(?:src|href)="\./static/[a-z.]+"', tag), tag
        assert not re.search(r"<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=", page.text)


def test_addresses_on_pages_are_relative(app):
    "So the app works below whatever path a proxy puts before it; from any depth they lead home."
    for place in ("/", "/card", "/docs", "/nowhere", "/no/such/page"):
        page = app.test_client().get(place, headers=BROWSER).text
        addresses = re.findall(r'(?:src|href|action|data-address)="([^"#]+)"', page)
        assert len(addresses) >= 3
        for address in addresses:
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
    for name, column in artifact_of(app).contract["columns"].items():
        assert f"<code>{name}</code>" in page
        if name in api["components"]["schemas"]["Row"]["required"]:
            assert column["description"] in page


def test_curl_lines_work_as_they_stand(flights, tmp_path):
    "Each of them, pasted into a shell; /feedback and /monitor answer 404 without a log."
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("there is no curl, or no bash")
    with serving(generate_app(flights / "artifacts", tmp_path / "app")) as address:
        page = fetch(f"{address}/docs")[2].decode()
        lines = [unescape(line) for line in re.findall(r"<code>(curl .*?)</code>", page, re.DOTALL)]
        assert len(lines) == 2 * 3 + 1 + 7
        for line in lines:
            line += " -s -o /dev/null -w '%{http_code}'"
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20)
            missing = "/feedback" in line or "/monitor" in line  # without a log
            assert done.stdout == ("404" if missing else "200"), line


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
        "columns": "example.selectedIndex = 2; example.dispatchEvent(new Event('change'));",
        "a mistake": "body.value = body.value.replace('719', '7');",
    }
    wanted = {"the example": "200 after", "columns": "200 after", "a mistake": "422 after"}
    for name, steps in ways.items():
        driver.write_text(f"{steps} form.querySelector('button').click();", encoding="utf-8")
        with serving(app) as address:
            shown = read_dom(f"{address}/docs", tmp_path / "profile")
        answer = unescape(re.search(r'<div id="answer".*?</div>', shown, re.DOTALL)[0])
        assert wanted[name] in answer and " ms" in answer, answer
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
