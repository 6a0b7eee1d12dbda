"""The site says what the artifact says, runs nothing but its own files, and is for everybody."""

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import projects
import pytest
from browser import open_browser
from make_artifacts import train_parts

from mlprod.cli import make_parser
from mlprod.commands.capstone import make_site
from mlprod.consistency import check_figures, find_false_claims, find_unsourced, list_sourced
from mlprod.contract import read_contract
from mlprod.course.exercises import read_lesson
from mlprod.data import read_rows, split_rows
from mlprod.gate import judge_model
from mlprod.report import evaluate_model
from mlprod.site import (
    CSP,
    SITE_CHECKS,
    PageReader,
    SiteError,
    build_site,
    check_site,
    clean,
    describe_module,
    find_project,
    read_pages,
)
from mlprod.story import find_false_figures, write_dashboard, write_pdf, write_recommendation
from mlprod.train import train_baseline, train_model

ROOT = Path(__file__).resolve().parent.parent
FOLD = re.compile(r'<details class="answer">.*?</details>', re.DOTALL)
KINDS = ("index", "recommendation", "dashboard", "case-study", "card", "proof", "made", "search",
         "lessons/index", "lessons/05a_worth", "lessons/monitoring", "api/index",
         "api/mlprod.evaluate")
LESSONS = ("05a_worth", "11b_monitor", "12c_replay", "18_run")  # `make site` builds all of them


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    "The flights' site with some of the lessons, built once."
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(ROOT / "nbs" / "images", root / "nbs" / "images")
    for name in (*[f"{lesson}.ipynb" for lesson in LESSONS], "glossary.md", "syllabus.md"):
        shutil.copy(ROOT / "nbs" / name, root / "nbs")
    shutil.copytree(ROOT / "app" / "artifacts", root / "app" / "artifacts")
    shutil.copytree(ROOT / "mlprod", root / "mlprod", ignore=shutil.ignore_patterns("files"))
    shutil.copy(ROOT / "settings.ini", root)
    with contextlib.chdir(root):
        assert make_site(read_words(root)) == 0
    return root / "site"


def read_words(root):
    "Read the command line that builds this site."
    contract = ROOT / "data" / "flights" / "contract.yaml"
    words = ["--contract", str(contract), "--to", str(root / "site")]
    return make_parser("site").parse_args(words)


def test_an_unchanged_site_is_not_built_again(site, monkeypatch, capsys):
    "And one that has lost a page is."
    root = site.parent
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(root)
    assert make_site(read_words(root)) == 0
    assert "not built; --force" in capsys.readouterr().err
    kept, record = (site / "llms.txt").read_bytes(), root / "artifacts" / "passed.json"
    known = record.read_bytes()
    (site / "llms.txt").unlink()  # without it the folder is nobody's site, and nothing is built
    with pytest.raises(SiteError, match="got other files"):
        make_site(read_words(root))
    (site / "llms.txt").write_bytes(kept)
    record.write_bytes(known)
    assert make_site(read_words(root)) == 0


@pytest.fixture(scope="session")
def pages(site):
    return read_pages(site)


def make_facts(path, name):
    "Train a model on a project's rows, and judge it; what its pages would be written from."
    contract = read_contract(path)
    train_rows, test_rows = split_rows(
        read_rows(path.parent / contract.data.rows, contract), contract, seed=0
    )
    model = train_model(name, train_rows, contract, seed=0)
    baseline = train_baseline(train_rows, contract, seed=0)
    return tell_facts(evaluate_model(model, baseline, test_rows, contract), contract)


def tell_facts(report, contract):
    verdict = judge_model(report, contract, override="few rows, for tests")
    pages = {"report": report, "contract": contract, "verdict": verdict}
    facts = {key: page.model_dump(mode="json", by_alias=True) for key, page in pages.items()}
    return facts | {"manifest": {"version": "toy"}}


@pytest.fixture(scope="session", params=["two labels", "three labels", "an amount"])
def facts(request, tmp_path_factory):
    "What pages are written from, for each kind of target."
    if request.param == "an amount":
        return make_facts(projects.write_amounts(tmp_path_factory.mktemp("amount")), "ridge")
    if request.param == "three labels":
        report = train_parts("penguins", "logistic")[1]
        return tell_facts(report, read_contract(ROOT / "data" / "penguins" / "contract.yaml"))
    return find_project(ROOT, ROOT / "data" / "flights" / "contract.yaml").facts


def read(site, name):
    return (site / f"{name}.html").read_text(encoding="utf-8")


def change(site, to, name, text):
    "Copy a site, with another text on one page."
    shutil.copytree(site, to, copy_function=os.link)
    (to / f"{name}.html").unlink()
    (to / f"{name}.html").write_text(text, encoding="utf-8")
    return to


def test_the_site_passes_its_own_checks(site):
    "Links, figures, policy and weight."
    assert check_site(site) == dict.fromkeys(SITE_CHECKS, [])


@pytest.mark.parametrize("old,new,name", [
    ('href="card.html"', 'href="cart.html"', "links lead somewhere"),
    ('href="proof.html#report', 'href="proof.html#reports', "links lead somewhere"),
    ('href="demo/demo.css"', 'href="https://example.com/x.css"', "links lead somewhere"),
    ("40.8%</a>", "41.8%</a>", "figures are what their sources hold"),
    (CSP, "default-src *", "nothing runs but the site's own files"),
    ("</article>", "<script>1</script></article>", "nothing runs but the site's own files"),
    ("</article>", '<p onclick="x()"></p></article>', "nothing runs but the site's own files"),
])  # fmt: skip
def test_each_check_finds_what_it_is_for(site, pages, tmp_path, old, new, name):
    "A page is changed by hand, and the check that is meant for it says so."
    assert old in read(site, "index")
    text = read(site, "index").replace(old, new, 1)
    changed = change(site, tmp_path / "site", "index", text)
    page = PageReader()
    page.feed(text)
    problems = SITE_CHECKS[name](changed, pages | {"index.html": page})

    assert any("index.html" in problem for problem in problems)


def test_another_report_is_found_on_every_page_that_shows_it(site, pages, tmp_path):
    "The pages of yesterday fail beside the report of today, the card's among them."
    figure = "report/metrics/precision_at_capacity"
    shutil.copytree(site, tmp_path / "site", copy_function=os.link)
    report = json.loads((site / "facts/report.json").read_bytes())
    report["metrics"]["precision_at_capacity"] = 0.123
    (tmp_path / "site/facts/report.json").unlink()
    (tmp_path / "site/facts/report.json").write_text(json.dumps(report))
    problems = SITE_CHECKS["figures are what their sources hold"](tmp_path / "site", pages)
    shown = [name for name in pages if f'#{figure}"' in (site / name).read_text("utf-8")]

    assert {"index.html", "recommendation.html", "dashboard.html", "card.html"} <= set(shown)
    assert {problem.partition(":")[0] for problem in problems} == set(shown)


def test_readme_and_card_fail_beside_another_report(tmp_path):
    "`mlprod check` names the text and the field; a figure without a source is named as well."
    shutil.copytree(ROOT / "app" / "artifacts", tmp_path / "app" / "artifacts")
    for name in ("README.md", "benchmarks/serving/results.json", "nbs/03_data.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert check_figures(tmp_path) == []

    report = next(tmp_path.glob("app/artifacts/*/report.json"))
    page = json.loads(report.read_bytes())
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    group, name = re.search(r"report\.json#/(metrics)/(\w+)\)", readme).groups()
    page[group][name], page["slices"][0]["rows"] = 0.123, 1
    report.write_text(json.dumps(page))
    (tmp_path / "README.md").write_text(readme + "\nIt is 99.9% right.\n", encoding="utf-8")
    problems = check_figures(tmp_path)
    card = report.with_name("card.md").relative_to(tmp_path).as_posix()
    assert [problem.partition(": ")[0] for problem in problems] == ["README.md"] * 2 + [card] * 2
    assert f": expected what stands in app/artifacts/{report.parent.name}" in problems[0]
    assert f"#/{group}/{name}" in problems[0]
    assert problems[1] == "README.md: 99.9%: expected a link to its source; got none"


def test_lessons_fail_beside_other_outputs(tmp_path):
    "Where cells show nothing and benchmarks hold nothing, each figure of a lesson is named."
    for path in (*ROOT.glob("nbs/*.ipynb"), *ROOT.glob("benchmarks/*.json")):
        page = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell | {"outputs": []} for cell in page.get("cells", ())]
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    texts = {
        path.name: "\n\n".join(
            "".join(cell["source"]) for cell in json.loads(path.read_bytes())["cells"]
            if cell["cell_type"] == "markdown"
        )
        for path in tmp_path.glob("nbs/*.ipynb")
    }  # fmt: skip
    figures = {name: len(list_sourced(text)) for name, text in texts.items()}
    problems = [problem.split(": ")[0] for problem in check_figures(tmp_path)]
    assert sum(figures.values()) >= 20
    assert {name: problems.count(f"nbs/{name}") for name in figures} == figures


@pytest.mark.parametrize("text,wrong", [
    ("[40.8%](toy.json#/share), [27 ms](toy.json#/seconds), [12 to 27 ms](toy.json)", []),
    ("[41.8%](toy.json#/share)", ["41.8%"]),
    ("[28 ms](toy.json#/seconds)", ["28 ms"]),
    ("[0.1](toy.json#/nowhere)", ["toy.json#/nowhere"]),
    ("[0.1](gone.json#/share)", ["gone.json#/share"]),
    ("| | a | b |\n|---|---|---|\n| [size 1.2](toy.json#/sizes) | 7 | 8 |", ["8"]),
    ("[1,234](toy.ipynb#one), [12%](toy.ipynb#one)", []),
    ("[1,235](toy.ipynb#one)", ["1,235"]),
    ("[1,234](toy.ipynb#two)", ["toy.ipynb#two"]),
])  # fmt: skip
def test_a_figure_in_a_text_is_what_its_source_holds(tmp_path, text, wrong):
    "A field, a row's fields, or what a cell has printed."
    toy = {"share": 0.4079, "seconds": 0.0269, "sizes": {"size 1.2": 7}}
    cell = {"id": "one", "outputs": [{"text": ["1,234 rows, 12.3% of them late\n"]}]}
    (tmp_path / "toy.json").write_text(json.dumps(toy))
    (tmp_path / "toy.ipynb").write_text(json.dumps({"cells": [cell]}))
    found = find_false_claims(text, tmp_path)
    assert [problem.partition(": ")[0] for problem in found] == wrong


def test_what_needs_a_source_is_told_apart():
    "Counts, versions, code and names do not."
    text = "In Python 3.11 12 files of `1.5` MB, Apache-2.0, say 0.5, 1,000, 12%, 3 ms and [7%](x)."
    assert find_unsourced(text) == ["0.5", "1,000", "12%", "3 ms"]


def test_no_figure_of_the_recommendation_is_typed(facts):
    "Numbers outside of links are the words of the contract, 95 of 100, and 0."
    page = write_recommendation(facts)
    assert find_false_figures(page, facts) == []
    assert find_false_figures(page.replace("</a>", "9</a>"), facts)
    text = re.sub(r'<a class="figure".*?</a>', "", page)
    known = json.dumps([facts["contract"], facts["report"]["slices"]])
    for number in re.findall(r"(?<![\w.])\d[\d,.]*\d|\b\d\b", re.sub("<[^>]+>", "", text)):
        assert number in known or number in {"95", "100", "0"}, number


def test_a_dashboard_has_a_slider_or_says_why_not(facts):
    "Where nothing is chosen by capacity there is no curve; the sample is there all the same."
    sample = {"columns": [], "of": 0, "filters": [], "rows": []}
    page = write_dashboard(facts, sample)
    assert find_false_figures(page, facts) == []
    assert ('type="range"' in page) == isinstance(facts["report"]["curve"], list)
    assert ("There is no slider" in page) != ('type="range"' in page)


def test_the_pdf_is_the_same_twice_and_tagged(site):
    "PDF/UA, with its font inside."
    pytest.importorskip("weasyprint", exc_type=OSError, reason="there is no Pango on this machine")
    content = (site / "_static/recommendation.pdf").read_bytes()

    names = ("report", "contract", "verdict", "manifest")
    facts = {name: json.loads((site / f"facts/{name}.json").read_bytes()) for name in names}
    assert content == write_pdf(facts)
    parts = re.findall(rb"/FlateDecode.*?stream\n(.*?)\nendstream", content, re.DOTALL)
    opened = b"".join(zlib.decompressobj().decompress(part) for part in parts)
    assert b"pdfuaid:part" in opened + content and b"/StructTreeRoot" in opened + content


def test_answers_are_folded_and_not_found_by_searching(site, pages):
    "No line of an answer stands in the index; each stands in a fold of its lesson's page."
    index, fold = (site / "searchindex.js").read_text(encoding="utf-8").lower(), FOLD
    texts = [read(site, name.removesuffix(".html")) for name in pages]
    folded = " ".join(part for text in texts for part in fold.findall(text)).lower()
    open_text = " ".join(fold.sub("", text) for text in texts).lower()
    only_there = {word[:7] for word in re.findall(r"[a-z]{8,}", folded)}  # the index has stems
    only_there = {stem for stem in only_there if stem not in open_text}
    assert only_there and not [stem for stem in only_there if f'"{stem}' in index]
    assert not (site / "_sources").exists()
    for path in (ROOT / "nbs" / f"{lesson}.ipynb" for lesson in LESSONS):
        page = read(site, f"lessons/{path.stem}")
        exercises = read_lesson(path).exercises
        assert page.count("<summary>Our answer</summary>") == len(exercises)
        outside = fold.sub("", page)
        for exercise in exercises:
            lines = [
                line.strip() for line in exercise.answer.source.splitlines()
                if len(line.strip()) > 50 and not line.startswith(("#", "def ", "    \""))
                and "#" not in line
            ]  # fmt: skip
            shown = re.sub("<[^>]+>", "", outside)
            assert not [line for line in lines if line in shown], path.stem


PROBES = (
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "<svg onload='window.ran = 1'></svg>",
    "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
    "<a id='probe' href='javascript:window.ran = 1'>x</a>",
    "<details open ontoggle='window.ran = 1'></details>",
)


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_does_not_survive_the_cleaning(probe):
    "Whether it stands in an output, in Markdown, or in a column's name."
    assert not re.search(r"script|on\w+=|<iframe|<svg", clean(f"<td>{probe}</td>"))


@pytest.fixture
def browser():
    return open_browser()


def test_no_probe_runs_even_where_nothing_was_cleaned(site, browser, tmp_path):
    "The policy is the second lock: none of the six runs; without it they do."
    text = read(site, "made")
    for name, page, ran in (("with", text, None), ("without", text.replace(CSP, "img-src *"), 1)):
        page = page.replace("</article>", "".join(PROBES) + "</article>")
        browser.open((change(site, tmp_path / name, "made", page) / "made.html").as_uri())
        browser.ask("document.getElementById('probe').click()")
        browser.ask("new Promise((resume) => setTimeout(resume, 300))")
        assert browser.ask("window.ran") == ran


@pytest.mark.parametrize("name", KINDS)
def test_pages_load_without_a_complaint(site, browser, name):
    "From the disk, with the policy: no error in the console, nothing to scroll sideways."
    browser.open((site / f"{name}.html").as_uri())
    for width in (1280, 390):
        browser.resize(width)
        assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    assert browser.errors == []


def test_the_slider_shows_another_place_of_the_curve(site, browser):
    "The tiles say what the report says there, and other rows are chosen."
    browser.open((site / "dashboard.html").as_uri())
    move = """(() => { const slider = document.getElementById("share"); slider.value = PLACE;
      slider.dispatchEvent(new Event("input")); return document.getElementById("at-share").innerText
      + document.getElementById("chosen").innerText; })()"""
    curve = json.loads((site / "facts/report.json").read_bytes())["curve"]
    for place in (0, 5, 14):
        point = curve[place]
        shown = browser.ask(move.replace("PLACE", str(place)))
        assert f"{point['value']:,.0f}" in shown
        assert f"{100 * point['precision']:.1f}".removesuffix(".0") in shown
    assert "300 of them would be chosen" in shown


def test_the_model_answers_on_the_landing_page(site, browser):
    "The demo is there, and says something about the contract's example."
    browser.open((site / "index.html").as_uri())
    browser.ask("document.querySelector('#demo-form button').click()")
    assert re.search(r"\d", browser.ask("document.getElementById('demo-answer').innerText"))


ALIKE = """["tr:nth-child(n+12)", "div.highlight"].forEach((each) => [...document
    .querySelectorAll(each)].slice(each[0] === "d" ? 6 : 0).forEach((one) => one.remove()))"""


@functools.cache
def fetch_axe():
    "The script of axe-core, from npm; None where it cannot be had."
    folder = ROOT / "artifacts" / "axe"
    if not list(folder.glob("axe-core-*.tgz")):
        npm = shutil.which("npm")
        folder.mkdir(parents=True, exist_ok=True)
        done = npm and subprocess.run(
            [npm, "pack", "axe-core@4.10.3", "--silent"],
            cwd=folder, capture_output=True, timeout=60,
        )  # fmt: skip
        if not done or done.returncode:
            return None
    shutil.unpack_archive(next(folder.glob("axe-core-*.tgz")), folder)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing(site, browser, name):
    "No finding of any severity, on a screen and on a phone, light and dark."
    script = fetch_axe()
    if script is None:
        pytest.skip("axe-core cannot be had from npm here")
    browser.open((site / f"{name}.html").as_uri())
    browser.ask(script + ";1")
    browser.ask(ALIKE)  # rows and code like those before them are left out
    for width, dark in ((1280, False), (390, True)):
        browser.resize(width, dark)
        found = browser.ask("""axe.run().then((all) => JSON.stringify(all.violations.map((each) =>
            [each.id, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))])))""")
        assert json.loads(found) == []


def test_machines_find_what_they_read(site):
    "JSON-LD is JSON, of a Course and of a Dataset; the sitemap names every page."
    kinds = {}
    for name in ("case-study", "lessons/index"):
        found = re.search(r'<script type="application/ld\+json">(.*?)</script>', read(site, name))
        kinds[name] = json.loads(found[1])["@type"]
    assert kinds == {"case-study": "sc:Dataset", "lessons/index": "Course"}
    sitemap = (site / "sitemap.xml").read_text(encoding="utf-8")
    assert all(f"{name}.html</loc>" in sitemap for name in KINDS if name != "search")
    assert (site / "llms.txt").read_text(encoding="utf-8").startswith("# ")
    assert 'property="og:image"' in read(site, "index")


def test_comments_of_parameters_reach_the_reference(site):
    "Signatures stand there as they are written."
    page = re.sub("<[^>]+>", "", read(site, "api/mlprod.evaluate"))
    assert "# (n,) how often each row counts; None: once" in page
    source = 'def f(**more: int,  # handed on\n):\n    "See `two`_."\n\ndef g(): ...\n'
    text = "```python\ndef f(**more: int,  # handed on\n):\n```\n\nSee `two`\\_."
    assert describe_module(source) == f"## `f`\n\n{text}\n"


def test_a_figure_of_a_lesson_leads_to_the_cell_that_printed_it(site):
    "One click away, on the page of the lesson."
    page = read(site, "lessons/05a_worth")
    (cell,) = set(re.findall(r'href="05a_worth.html#(\w+)">39%<', page))
    shown = page.partition(f'id="{cell}"')[2].partition("cell_output")[2]
    assert re.search(r"model: 39\.\d% of its tenth", shown.partition("</div>")[0])


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    "One line says so."
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SiteError, match="expected a new folder"):
        build_site(ROOT, ROOT / "data" / "flights" / "contract.yaml", tmp_path)


def test_without_a_version_in_service_one_line_says_what_to_run():
    "Penguins have a contract; nothing of them is in the repository's app."
    path = ROOT / "data" / "penguins" / "contract.yaml"
    if (ROOT / "artifacts" / read_contract(path).project / "in_service.json").exists():
        pytest.skip("somebody has run the penguins here")
    with pytest.raises(SiteError, match="expected a version in service"):
        find_project(ROOT, path)
