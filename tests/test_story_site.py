"""The site says what the artifact says, runs nothing but its own files, and is for everybody."""

import functools
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from browser import CHROMIUM, open_browser

from mlprod.contract import read_contract
from mlprod.course.exercises import read_lesson
from mlprod.site import (
    CSP,
    SITE_CHECKS,
    SiteError,
    build_site,
    check_site,
    clean,
    describe_module,
    find_project,
    read_pages,
)
from mlprod.story import find_false_figures, write_pdf, write_recommendation

ROOT = Path(__file__).resolve().parent.parent
in_browser = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")
FOLD = re.compile(r'<details class="answer">.*?</details>', re.DOTALL)
KINDS = ("index", "recommendation", "dashboard", "case-study", "card", "proof", "made", "search",
         "lessons/index", "lessons/05a_worth", "lessons/18_run", "api/index", "api/mlprod.report")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    "The flights' site, built once."
    pytest.importorskip("weasyprint", exc_type=OSError, reason="there is no Pango on this machine")
    folder = tmp_path_factory.mktemp("public") / "site"
    return build_site(ROOT, ROOT / "data" / "flights" / "contract.yaml", folder)


@pytest.fixture(scope="session")
def facts():
    return find_project(ROOT, ROOT / "data" / "flights" / "contract.yaml").facts


def read(site, name):
    return (site / f"{name}.html").read_text(encoding="utf-8")


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
def test_each_check_finds_what_it_is_for(site, tmp_path, old, new, name):
    "A page is changed by hand, and the check that is meant for it says so."
    changed = tmp_path / "site"
    shutil.copytree(site, changed)
    text = read(changed, "index")
    assert old in text
    (changed / "index.html").write_text(text.replace(old, new, 1), encoding="utf-8")

    assert any("index.html" in problem for problem in check_site(changed)[name])


def test_another_report_is_found_on_every_page_that_shows_it(site, tmp_path, facts):
    "The pages of yesterday fail beside the report of today; pages that are written anew follow."
    changed = json.loads(json.dumps(facts))
    changed["report"]["metrics"]["precision_at_capacity"] = 0.123
    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site/facts/report.json").write_text(json.dumps(changed["report"]))
    problems = check_site(tmp_path / "site")["figures are what their sources hold"]
    shown = [
        name for name in read_pages(site)
        if '#report/metrics/precision_at_capacity"' in (site / name).read_text("utf-8")
    ]  # fmt: skip

    assert {"index.html", "recommendation.html", "dashboard.html"} <= set(shown)
    assert {problem.partition(":")[0] for problem in problems} == set(shown)
    anew = write_recommendation(changed)
    assert "12.3%" in anew and find_false_figures(anew, changed) == []


def test_no_figure_of_the_recommendation_is_typed(facts):
    "Numbers outside of links are the words of the contract, 95%, 0 and a thousand rows."
    text = re.sub(r'<a class="figure".*?</a>', "", write_recommendation(facts))
    contract = json.dumps(facts["contract"])
    for number in re.findall(r"(?<![\w.])\d[\d,.]*\d|\b\d\b", re.sub("<[^>]+>", "", text)):
        assert number in contract or number in {"95", "0", "1,000"}, number


def test_the_pdf_is_the_same_twice_and_tagged(site, facts):
    "PDF/UA, with its font inside."
    content = (site / "recommendation.pdf").read_bytes()

    assert content == write_pdf(facts)
    parts = re.findall(rb"/FlateDecode.*?stream\n(.*?)\nendstream", content, re.DOTALL)
    opened = b"".join(zlib.decompressobj().decompress(part) for part in parts)
    assert b"pdfuaid:part" in opened + content and b"/StructTreeRoot" in opened + content


def test_answers_are_folded_and_not_found_by_searching(site):
    "No line of an answer stands in the index; each stands in a fold of its lesson's page."
    index, fold = (site / "searchindex.js").read_text(encoding="utf-8").lower(), FOLD
    pages = [read(site, name.removesuffix(".html")) for name in read_pages(site)]
    folded = " ".join(part for page in pages for part in fold.findall(page)).lower()
    open_text = " ".join(fold.sub("", page) for page in pages).lower()
    only_there = {word[:7] for word in re.findall(r"[a-z]{8,}", folded)}  # the index has stems
    only_there = {stem for stem in only_there if stem not in open_text}
    assert len(only_there) >= 3 and not [stem for stem in only_there if f'"{stem}' in index]
    assert not (site / "_sources").exists()
    for path in sorted((ROOT / "nbs").glob("[01]*.ipynb"))[::6]:
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
    page = open_browser()
    page.resize(1280)
    page.errors.clear()
    return page


@in_browser
def test_no_probe_runs_even_where_nothing_was_cleaned(site, browser, tmp_path):
    "The policy is the second lock: none of the six runs; without it they do."
    text = read(site, "made")
    for name, page, ran in (("with", text, None), ("without", text.replace(CSP, "img-src *"), 1)):
        shutil.copytree(site, tmp_path / name)
        page = page.replace("</article>", "".join(PROBES) + "</article>")
        (tmp_path / name / "made.html").write_text(page, encoding="utf-8")
        browser.open((tmp_path / name / "made.html").as_uri())
        browser.ask("document.getElementById('probe').click()")
        browser.ask("new Promise((resume) => setTimeout(resume, 300))")
        assert browser.ask("window.ran") == ran


@in_browser
@pytest.mark.parametrize("name", KINDS)
def test_pages_load_without_a_complaint(site, browser, name):
    "From the disk, with the policy: no error in the console."
    browser.open((site / f"{name}.html").as_uri())
    assert browser.errors == []
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")


@in_browser
def test_the_slider_shows_another_place_of_the_curve(site, browser, facts):
    "The tiles say what the report says there, and other rows are chosen."
    browser.open((site / "dashboard.html").as_uri())
    move = """(() => { const slider = document.getElementById("share"); slider.value = PLACE;
      slider.dispatchEvent(new Event("input")); return document.getElementById("at-share").innerText
      + document.getElementById("chosen").innerText; })()"""
    for place in (0, 5, 14):
        point = facts["report"]["curve"][place]
        shown = browser.ask(move.replace("PLACE", str(place)))
        assert f"{point['value']:,.0f}" in shown
        assert f"{100 * point['precision']:.1f}".removesuffix(".0") in shown
    assert "300 of them would be chosen" in shown


@in_browser
def test_the_model_answers_on_the_landing_page(site, browser):
    "The demo is there, and says something about the contract's example."
    browser.open((site / "index.html").as_uri())
    browser.ask("document.querySelector('#demo-form button').click()")
    assert re.search(r"\d", browser.ask("document.getElementById('demo-answer').innerText"))


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


@in_browser
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("width,dark", [(1280, False), (390, True)])
def test_axe_finds_nothing(site, browser, name, width, dark):
    "No finding of any severity, on a screen and on a phone, light and dark."
    script = fetch_axe()
    if script is None:
        pytest.skip("axe-core cannot be had from npm here")
    browser.resize(width, dark)
    browser.open((site / f"{name}.html").as_uri())
    browser.ask(script + ";1")
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
    "Also those on **kwargs, and those of a class's fields."
    page = re.sub("<[^>]+>", "", read(site, "api/mlprod.report"))
    assert "of three" not in page and "the test rows" in page
    assert describe_module("def f(**more: int,  # handed on\n): ...")["f"] == {"more": "handed on"}


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
