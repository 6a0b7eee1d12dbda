"""The course's pages say what the lessons are, and their links lead somewhere."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from mlprod.course.exercises import count_minutes, count_words, read_lesson
from mlprod.notebook import write_notebook

NBS = Path(__file__).resolve().parent.parent / "nbs"
PAGES = ("start.md", "glossary.md", "syllabus.md")
TITLE = re.compile(r"# (.+)\n(?:.*\n)*?\*(.+?) · (core|optional) · (\d+) minutes\*$", re.MULTILINE)
EXERCISE = re.compile(r"^\*(?:Library code|Judgement) · (\d+) minutes\*$", re.MULTILINE)


@dataclass(frozen=True)
class Listed:
    "What a lesson says of itself in its first cells."

    path: Path
    title: str
    hat: str
    need: str  # core or optional
    minutes: int
    exercises: list[int]  # minutes of each

    @property
    def number(self):
        return self.path.stem.partition("_")[0]


def list_lessons():
    "Every lesson that has a title line, in order; read from the notebooks and nothing else."
    lessons = []
    for path in sorted(NBS.glob("[0-9]*.ipynb")):
        cells = nbformat.read(path, 4).cells
        prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
        found = TITLE.match(prose[0])
        if found:
            title, hat, need, minutes = found.groups()
            exercises = [int(part) for text in prose for part in EXERCISE.findall(text)]
            lessons.append(Listed(path, title, hat, need, int(minutes), exercises))
    return lessons


LESSONS = list_lessons()


def read_page(name):
    return (NBS / name).read_text(encoding="utf-8")


def list_links(text):
    "The addresses of a page's links, those in code left out."
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+(?:\([^)]*\)[^)\s]*)*)\)", text)


def make_table():
    "The syllabus' table: a row for each lesson, and the hours of the core and of all of them."
    rows = ["| lesson | hat | | minutes | exercises |", "|---|---|---|---|---|"]
    rows += [
        f"| [{lesson.number} · {lesson.title}]({lesson.path.name}) | {lesson.hat} "
        f"| {lesson.need} | {lesson.minutes} | {len(lesson.exercises) or '–'} |"
        for lesson in LESSONS
    ]
    core = [lesson for lesson in LESSONS if lesson.need == "core"]
    totals = [
        f"{len(some)} {name} lessons: {sum(lesson.minutes for lesson in some) / 60:.0f} hours"
        for name, some in (("core", core), ("", LESSONS))
    ]
    return "\n".join(rows) + "\n\n**" + "; all ".join(totals).replace("  ", " ") + ".**\n"


def write_table():
    "Bring the table up to date: python -c 'import test_course_pages as t; t.write_table()'"
    page = re.sub(
        r"(<!-- lessons: .*? -->\n).*?(<!-- end of lessons -->)",
        lambda found: found[1] + make_table() + found[2],
        read_page("syllabus.md"),
        flags=re.DOTALL,
    )
    (NBS / "syllabus.md").write_text(page, encoding="utf-8", newline="\n")


def read_weeks():
    "The rows of the six weeks: the numbers of the lessons in each."
    weeks = read_page("syllabus.md").partition("## Six weeks")[2].partition("\n## ")[0]
    return [
        re.findall(r"\b\d\d[a-z]?\b", line.split("|")[2])
        for line in weeks.splitlines()
        if re.match(r"\| \d ", line)
    ]


def test_every_lesson_has_a_hat_a_need_and_minutes():
    "As *Engineer · core · 50 minutes* below its promise, or the syllabus could not list it."
    assert [lesson.path for lesson in LESSONS] == sorted(NBS.glob("[0-9]*.ipynb"))


def test_the_syllabus_says_what_the_lessons_say():
    "Hat, core or optional, minutes, exercises and the sums; write_table brings them up to date."
    page = read_page("syllabus.md")
    table = page.partition("<!-- lessons:")[2].partition("-->\n")[2]

    assert table.partition("<!-- end of lessons -->")[0] == make_table()


def write_minutes():
    "Write the rule's minutes into the lessons: python -c 'import test_course_pages as t; …'"
    for listed in LESSONS:
        lesson = read_lesson(listed.path)
        title = next(c for c in lesson.notebook.cells if c.cell_type == "markdown")
        line, minutes = f" · {listed.minutes} minutes*", count_minutes(lesson)
        title.source = title.source.replace(line, f" · {minutes} minutes*")
        write_notebook(listed.path, lesson.notebook)


def test_the_minutes_of_a_lesson_follow_the_rule():
    "Words, cells of code and exercises; write_minutes brings them up to date."
    ruled = {listed.path.stem: count_minutes(read_lesson(listed.path)) for listed in LESSONS}

    assert {listed.path.stem: listed.minutes for listed in LESSONS} == ruled


def test_every_lesson_fits_an_evening():
    "At most an hour and 2,000 words of prose."
    long = [x.path.stem for x in LESSONS if count_words(read_lesson(x.path)) > 2_000]

    assert long == [] and max(x.minutes for x in LESSONS) <= 60


def test_who_knows_scikit_learn_reaches_train_within_two_hours():
    "The way that the syllabus names: 00 and 01 with their exercises, 03 without."
    minutes = {lesson.number: lesson.minutes for lesson in LESSONS}
    exercises = {lesson.number: sum(lesson.exercises) for lesson in LESSONS}

    assert "Do 00 and 01, and read 03 without its exercises" in read_page("syllabus.md")
    assert minutes["00"] + minutes["01"] + minutes["03"] - exercises["03"] <= 120


def test_the_six_weeks_hold_every_lesson_and_at_most_five_hours_each():
    "Optional lessons may be named as left for later instead; core ones may not."
    page = read_page("syllabus.md").partition("## Six weeks")[2].partition("\n## ")[0]
    later = re.findall(r"\b\d\d[a-z]?\b", page.partition("Left for later:")[2])
    weeks = read_weeks()
    planned = [number for week in weeks for number in week]
    minutes = {lesson.number: lesson.minutes for lesson in LESSONS}

    assert sorted(planned + later) == [lesson.number for lesson in LESSONS]
    assert {x.number for x in LESSONS if x.need == "core"} <= set(planned)
    for week in weeks:
        assert sum(minutes[number] for number in week) <= 300, week


def test_the_start_page_leads_to_every_lesson():
    "And to the glossary and the syllabus."
    links = set(list_links(read_page("start.md")))

    assert {path.name for path in NBS.glob("[0-9]*.ipynb")} <= links
    assert {"glossary.md", "syllabus.md"} <= links


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_or_to_https(name):
    "A link to a lesson that was renamed would be found by a learner."
    links = list_links(read_page(name))

    assert len(links) > 20
    missing = [
        link
        for link in links
        if not link.startswith("https://") and not (NBS / link.partition("#")[0]).is_file()
    ]
    assert missing == []


def test_the_glossary_is_sorted_short_and_at_work():
    "Forty to sixty terms; each in one or two sentences, with a lesson where it is at work."
    page = read_page("glossary.md")
    entries = re.findall(r"^\*\*(.+?)\*\*: (.+)$", page, re.MULTILINE)
    terms = [term for term, _ in entries]

    assert 40 <= len(terms) <= 60
    assert terms == sorted(terms, key=str.lower)
    for term, text in entries:
        meaning, _, links = text.partition(" [")
        assert 1 <= len(re.findall(r"[.?](?= |$)", meaning)) <= 3, term
        assert re.search(r"\.ipynb\)", links), f"{term}: in which lesson is it at work?"
    for letter, part in zip(
        *[iter(re.split(r"^## (\w)$", page, flags=re.MULTILINE)[1:])] * 2, strict=True
    ):
        for term in re.findall(r"^\*\*(.+?)\*\*: ", part, re.MULTILINE):
            assert term[0].upper() == letter, term
