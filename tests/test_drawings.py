"""The course's drawings: one script draws them, in light and dark, with words for who listens."""

import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

NBS = Path(__file__).resolve().parent.parent / "nbs"
IMAGES = NBS / "images"
SCRIPT = runpy.run_path(str(IMAGES / "draw.py"))
DRAWN = SCRIPT["draw_all"]()
SVG = "{http://www.w3.org/2000/svg}"
drawings = pytest.mark.parametrize("name", sorted(DRAWN))


def measure_contrast(one, other):
    "WCAG's contrast ratio of two colours, such as #ffffff."

    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_files_are_what_the_script_draws():
    "Byte for byte, and no file is left over; python nbs/images/draw.py brings them up to date."
    files = {
        path.relative_to(IMAGES).as_posix(): path.read_bytes() for path in IMAGES.rglob("*.svg")
    }

    assert files == {name: content.encode() for name, content in DRAWN.items()}


def test_a_lesson_shows_its_own_place_on_the_road():
    "The picture of its own name, and an alternative text that says the same."
    showing = 0
    for path in sorted(NBS.glob("[0-9]*.ipynb")):
        prose = "\n".join(
            cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"
        )
        for here, name in re.findall(
            r"!\[The road: .*? here: (.+?)\.\]\(images/road/(.+?)\)", prose
        ):
            showing += 1
            assert (here, name) == (SCRIPT["LESSONS"].get(path.stem), f"{path.stem}.svg")

    assert showing


@drawings
def test_a_drawing_is_safe_and_has_words(name):
    "Title and description for who listens; no script, no handler, nothing loaded from elsewhere."
    root = ElementTree.fromstring(DRAWN[name])
    ids = {node.get("id"): node for node in root if node.get("id")}
    texts = [ids[label].text for label in root.get("aria-labelledby").split()]

    assert root.get("role") == "img"
    assert all(len(text) > 15 for text in texts)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "text", "path"
    }  # fmt: skip
    for node in root.iter():
        assert not [key for key in node.attrib if key.startswith("on") or "href" in key]
    assert re.findall(r"https?:[^\"]+|url\(|@import", DRAWN[name]) == [SVG.strip("{}")]


@drawings
def test_no_word_leaves_its_drawing(name):
    "Measured in DejaVu Sans, one of the widest of the fonts that a system may have."
    root = ElementTree.fromstring(DRAWN[name])
    for node in root.iter(f"{SVG}text"):
        kinds = node.get("class").split()
        font = FontProperties(
            family="DejaVu Sans Mono" if "code" in kinds else "DejaVu Sans",
            weight="bold" if {"name", "note"} & set(kinds) else "normal",
        )
        size = 14 if "code" in kinds else 15 if {"quiet", "note"} & set(kinds) else 16
        width = TextPath((0, 0), node.text, size=size, prop=font).get_extents().width
        left = float(node.get("x")) - (0 if "start" in kinds else width / 2)

        assert left >= 4 and left + width <= 636, node.text
        assert 10 < float(node.get("y")) < int(root.get("height")) - 4, node.text


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_words_stand_out(scheme):
    "At least 4.5 to 1 against whatever they stand on, as WCAG asks for."
    light, dark = SCRIPT["STYLE"].split("@media")
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", light))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#\w{6})", dark))

    for word, grounds in {
        "text": ("panel", "box", "faint"),
        "quiet": ("panel", "box"),
        "accent": ("panel", "box"),
        "on-accent": ("accent",),
    }.items():
        for ground in grounds:
            assert measure_contrast(colours[word], colours[ground]) >= 4.5, (word, ground)
