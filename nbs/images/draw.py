"""Draw the course's pictures: `python nbs/images/draw.py` writes each of them anew.

A script and no notebook: nothing imports it but a test, and its output is not shown but written.
All sizes are in pixels of a drawing that is 640 wide, so that 16 can still be read on a phone.
"""

from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parent

STATIONS = {  # what the road leads through, and what happens there
    "contract": "signed",
    "rows": "checked",
    "model": "trained",
    "artifact": "packaged",
    "app": "answers",
    "log": "records",
}
WHOLE = "the whole road"
LESSONS = {  # the notebook's name → where on the road it is; add a line for a new lesson
    "00_five_minutes": WHOLE,
    "01_contract": "contract",
    "02a_rows": "rows",
    "02b_frames": "rows",
    "03_data": "rows",
    "03b_leaks": "rows",
    "04_train": "model",
    "04b_choose": "model",
    "05a_worth": "model",
    "05b_report": "model",
    "05c_drift": "model",
    "06a_gate": "artifact",
    "06b_package": "artifact",
    "06c_service": "artifact",
    "07_model": "app",
    "08_log": "log",
    "08c_postgres": "log",
    "09a_metrics": "app",
    "09b_errors": "app",
    "09c_pages": "app",
    "09d_monitor": "app",
    "09e_app": "app",
    "09f_front": "app",
    "10_generate": "app",
    "11a_watch": "log",
    "11b_monitor": "log",
    "12a_labelled": "log",
    "12b_retrain": WHOLE,
    "12c_replay": WHOLE,
    "13a_compare": "log",
    "13b_experiment": "log",
    "14_labels": "log",
    "15a_batch": "app",
    "15b_parts": "app",
    "15c_database": "app",
    "15d_cluster": "app",
    "16_story": WHOLE,
    "17_your_data": "contract",
    "18_run": WHOLE,
}

# The app's colours. The panel is the drawing's own, so it can be read on a page of either kind.
STYLE = """\
svg { --panel: #fafaf9; --box: #ffffff; --line: #78716c; --text: #1c1917; --quiet: #57534e;
  --faint: #e7e5e4; --accent: #c2410c; --on-accent: #ffffff;
  font: 16px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
@media (prefers-color-scheme: dark) {
  svg { --panel: #221e1b; --box: #171412; --line: #8f8780; --text: #f5f5f4; --quiet: #b5aea8;
    --faint: #44403c; --accent: #fb923c; --on-accent: #171412 } }
.panel { fill: var(--panel) } .box { fill: var(--box); stroke: var(--line); stroke-width: 1.5 }
.faint { fill: var(--faint) } .accent { fill: var(--accent) }
.open { fill: none; stroke: var(--line); stroke-dasharray: 4 4 }
.lit { fill: var(--box); stroke: var(--accent); stroke-width: 2.5 }
text { fill: var(--text); text-anchor: middle } .start { text-anchor: start }
.name { font-weight: 600 } .quiet { fill: var(--quiet); font-size: 15px }
.note { fill: var(--accent); font-size: 15px; font-weight: 600 }
.on { fill: var(--on-accent) } .code { font-family: ui-monospace, Menlo,
  Consolas, "DejaVu Sans Mono", monospace; font-size: 14px }
.arrow { fill: none; stroke: var(--line); stroke-width: 2 } .head { fill: var(--line) }
.main { stroke: var(--accent) } .main-head { fill: var(--accent) } .later { stroke-dasharray: 6 5 }
"""


class Drawing:
    "A picture that is put together from boxes, texts and arrows."

    def __init__(self, title: str, description: str, height: int):
        self.title, self.description, self.height, self.parts = title, description, height, []

    def rect(self, x, y, width, height, kind="box", corner=8):
        "A rectangle; kind is a class of the style."
        self.parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" '
            f'rx="{corner}"/>'
        )

    def text(self, x, y, words, kind="quiet"):
        "One line; y is its base line."
        self.parts.append(f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>')

    def box(self, x, y, width, height, name, *lines, kind="box"):
        "A rectangle with a name, and quieter lines below it, in its middle."
        self.rect(x, y, width, height, kind)
        middle, first = x + width / 2, y + height / 2 + 5.5 - 10 * len(lines)
        on = " on" if kind == "accent" else ""
        self.text(middle, first, name, f"name{on}")
        for number, line in enumerate(lines, 1):
            self.text(middle, first + 20 * number, line, f"quiet{on}")

    def line(self, *points, kind="arrow"):
        "A line through points; kind is a class of the style."
        path = " L".join(f"{x} {y}" for x, y in points)
        self.parts.append(f'<path class="{kind}" d="M{path}"/>')

    def arrow(self, *points, kind=""):
        "A line through points with a head at its end; it runs from left to right, or up and down."
        (x0, y0), (x, y) = points[-2:]
        dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
        self.line(*points[:-1], (x - 6 * dx, y - 6 * dy), kind=f"arrow {kind}".strip())
        left, right = [(x - 9 * dx - 5 * i * dy, y - 9 * dy - 5 * i * dx) for i in (1, -1)]
        self.line((x, y), left, right, kind="main-head" if "main" in kind else "head")

    def svg(self) -> str:
        "The whole file."
        return "\n".join(
            [
                '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc" '
                f'width="640" height="{self.height}" viewBox="0 0 640 {self.height}">',
                f'<title id="title">{escape(self.title)}</title>',
                f'<desc id="desc">{escape(self.description)}</desc>',
                f"<style>\n{STYLE}</style>",
                f'<rect class="panel" width="640" height="{self.height}" rx="10"/>',
                *self.parts,
                "</svg>\n",
            ]
        )


def draw_road(here: str) -> Drawing:
    "The road, with the station of a lesson, or all of it, lit."
    picture = Drawing(
        f"The road. You are here: {here}.",
        "Contract, rows, model, artifact, app, log, and from the log back to the contract.",
        150,
    )
    pitch, width = 104, 88
    for number, (station, happens) in enumerate(STATIONS.items()):
        x = 16 + pitch * number
        kind = "accent" if station == here else "lit" if here == WHOLE else "box"
        picture.rect(x, 38, width, 42, kind)
        picture.text(x + width / 2, 65, station, "name on" if station == here else "name")
        if number:
            picture.arrow((x - 15, 59), (x - 1, 59))
        if station == here:
            picture.text(min(max(x + width / 2, 62), 578), 25, "you are here", "note")
        picture.text(x + width / 2, 100, happens)
    if here == WHOLE:
        picture.text(320, 25, "you are here: the whole road", "note")
    picture.arrow((580, 110), (580, 130), (60, 130), (60, 108), kind="later")
    picture.rect(190, 120, 260, 20, "panel", 0)
    picture.text(320, 135, "and back: what really happened")
    return picture


def draw_contract() -> Drawing:
    picture = Drawing(
        "The contract: who signs it, what it holds, and who reads it",
        "Data scientist and engineer sign one page. It holds the decision, the target, the "
        "columns, the split, the limits and the life of a model. Rows, model, report, app and "
        "log read their part of it.",
        310,
    )
    picture.text(80, 28, "sign it")
    picture.text(302, 28, "one page", "note")
    picture.text(550, 28, "read it")
    for y, person in ((96, "data scientist"), (186, "engineer")):
        picture.box(12, y, 136, 56, person)
        picture.arrow((148, y + 28), (182, y + 28))
    picture.rect(184, 40, 236, 256, "lit")
    holds = {
        "decision": "who acts, on what",
        "target": "what is predicted",
        "columns": "kind, range, when known",
        "split": "which rows test",
        "limits": "when it is good enough",
        "life": "for how long",
    }
    for number, (name, what) in enumerate(holds.items()):
        picture.text(302, 63 + 41 * number, name, "name")
        picture.text(302, 82 + 41 * number, what)
    reads = {
        "rows": "columns",
        "model": "target, split",
        "report": "decision, limits",
        "app": "columns, decision",
        "log": "life",
    }
    for number, (name, what) in enumerate(reads.items()):
        y = 40 + 52 * number
        picture.arrow((422, y + 24), (470, y + 24))
        picture.box(472, y, 156, 48, name, what)
    return picture


def draw_one_path() -> Drawing:
    picture = Drawing(
        "One path from a row to a decision, for training and for serving",
        "A data frame in training and a JSON request in service are the same rows. The contract "
        "checks them, encoding makes them a float32 matrix, the estimator gives a score, the "
        "threshold makes it a decision.",
        224,
    )
    picture.arrow((46, 18), (46, 72))
    picture.text(60, 32, "training: a DataFrame", "quiet start")
    picture.arrow((46, 206), (46, 136))
    picture.text(60, 202, "serving: JSON", "quiet start")
    steps = (("rows",), ("rows", "checked"), ("matrix", "float32"), ("score",), ("decision",))
    arrows = ("contract", "encode", "estimator", "threshold")
    for number, words in enumerate(steps):
        x = 14 + 130 * number
        picture.box(x, 74, 92, 60, *words, kind="accent" if number == 4 else "box")
        if number:
            picture.arrow((x - 38, 104), (x - 1, 104), kind="main")
            picture.line((x - 19, 112), (x - 19, 144), kind="open")
            picture.text(x - 19, 161, arrows[number - 1], "note")
    picture.text(420, 202, "the same functions for both")
    return picture


def draw_folds() -> Drawing:
    picture = Drawing(
        "Folds in time: what learns, what is scored, and what waits",
        "The train rows are cut into five parts in the order of time. There are four folds. Each "
        "learns from all parts before the one that it scores. The test rows come later, and no "
        "fold touches them.",
        286,
    )
    left, part, test = 80, 68, 420
    picture.box(left, 30, 5 * part, 34, "train rows")
    picture.box(test + 10, 30, 190, 34, "test rows")
    picture.text(test + 4, 20, "test_from", "code")
    for fold in range(4):
        y = 80 + 38 * fold
        picture.text(40, y + 20, f"fold {fold + 1}")
        for number in range(5):
            kind = "faint" if number <= fold else "accent" if number == fold + 1 else "open"
            picture.rect(left + part * number + 1, y, part - 3, 28, kind, 4)
    picture.rect(test + 10, 80, 190, 142, "open")
    picture.text(test + 102, 146, "wait for the report:")
    picture.text(test + 102, 166, "no fold sees them")
    picture.line((test + 4, 26), (test + 4, 232), kind="arrow later")
    picture.arrow((left, 238), (620, 238))
    picture.text(600, 258, "time")
    for x, kind, words in (
        (80, "faint", "learn from"),
        (202, "accent", "score"),
        (290, "open", "not yet"),
    ):
        picture.rect(x, 256, 22, 16, kind, 3)
        picture.text(x + 30, 269, words, "quiet start")
    return picture


def draw_artifact() -> Drawing:
    picture = Drawing(
        "An artifact is a folder that never changes; a pointer says which one is in service",
        "The project's folder holds a folder for each version: model, contract, report, card, and "
        "a manifest of their hashes. The file in_service.json names the version in service and the "
        "one before it. To promote or to roll back is to write that file anew.",
        330,
    )
    picture.text(20, 30, "artifacts/flights/", "code start")
    files = ("model.onnx", "contract.json", "report.json", "card.md", "manifest.json")
    for number, version in enumerate(("9c41e07b52aa/", "5e0d7c91a2f4/", "b80d16f3c95e/")):
        x = 20 + 206 * number
        picture.rect(x, 44, 188, 150, "lit" if number == 1 else "box")
        picture.text(x + 94, 70, version, "code name")
        for line, name in enumerate(files):
            picture.text(x + 94, 94 + 20 * line, name, "code quiet")
    picture.text(476, 30, "written once, never changed")
    picture.rect(200, 252, 240, 62, "accent")
    picture.text(320, 278, "in_service.json", "code on")
    picture.text(320, 300, "version, previous", "on")
    picture.arrow((320, 252), (320, 196), kind="main")
    picture.text(332, 230, "version", "note start")
    picture.arrow((200, 284), (114, 284), (114, 196), kind="later")
    picture.text(126, 230, "previous", "quiet start")
    picture.text(540, 268, "promote or roll back:")
    picture.text(540, 288, "only this file")
    picture.text(540, 308, "is written anew")
    return picture


def draw_swap() -> Drawing:
    picture = Drawing(
        "A new version is loaded beside the old one, while requests are answered",
        "The pointer names a new version. The app sees that, loads the new version and checks its "
        "hashes, and the old version goes on answering. Then it exchanges one reference. A request "
        "that began with the old version ends with it. No request is lost.",
        238,
    )
    for y, name in ((42, "pointer"), (102, "loading"), (168, "requests")):
        picture.text(20, y, name, "quiet start")
    picture.rect(110, 18, 176, 36, "faint", 6)
    picture.text(198, 42, "old version", "name")
    picture.rect(288, 18, 332, 36, "accent", 6)
    picture.text(454, 42, "new version", "name on")
    picture.arrow((300, 56), (300, 78))
    picture.box(300, 80, 140, 36, "load, check", kind="lit")
    picture.line((440, 80), (440, 200), kind="arrow main later")
    picture.text(448, 103, "exchange", "note start")
    old = ((112, 70), (140, 76), (196, 80), (232, 90), (290, 78), (336, 82), (376, 96))
    new = ((446, 60), (496, 80), (486, 84), (516, 100), (580, 40))
    for kind, requests, first in (("faint", old, 0), ("accent", new, 1)):
        for number, (x, length) in enumerate(requests, first):
            picture.rect(x, 134 + 22 * (number % 3), length, 16, kind, 4)
    picture.arrow((110, 208), (622, 208))
    picture.text(600, 228, "time")
    picture.text(110, 228, "a request ends with the version it began with", "quiet start")
    return picture


def draw_log() -> Drawing:
    picture = Drawing(
        "The log: requests leave their rows in a queue, and one thread writes them",
        "Request threads put what was predicted into a queue that is bounded in bytes, and do not "
        "wait. One writer thread takes all of it at once and writes it into SQLite with a "
        "write-ahead log. What does not fit is counted as lost. Labels come later, under the "
        "prediction's id.",
        236,
    )
    for y in (24, 66, 108):
        picture.box(12, y, 96, 34, "request")
        picture.arrow((108, y + 17), (154, y + 17))
    picture.rect(156, 24, 146, 118, "lit")
    picture.text(229, 48, "queue", "name")
    for number in range(3):
        picture.rect(174, 60 + 16 * number, 110, 10, "faint", 2)
    picture.text(229, 128, "bounded in bytes")
    picture.arrow((302, 83), (344, 83), kind="main")
    picture.box(346, 48, 106, 70, "writer", "one thread")
    picture.arrow((452, 83), (496, 83), kind="main")
    picture.box(498, 38, 128, 90, "SQLite", "write-ahead", "log (WAL)")
    picture.arrow((229, 142), (229, 176), kind="later")
    picture.text(229, 196, "full: counted as lost,")
    picture.text(229, 216, "no request waits")
    picture.arrow((562, 180), (562, 130), kind="later")
    picture.text(540, 196, "later: the label,")
    picture.text(540, 216, "by the prediction's id")
    return picture


def draw_request() -> Drawing:
    picture = Drawing(
        "What happens to POST /predict",
        "The front reads the body within a deadline and up to a limit. Rows in JSON go to "
        "app.predict_rows: types made from the contract check them, the model scores them, the "
        "answer goes back, and the log gets a copy. Anything else goes to Flask in a small pool "
        "of threads, which calls the same function.",
        310,
    )
    picture.text(80, 30, "POST /predict", "code")
    picture.arrow((80, 38), (80, 70))
    picture.box(12, 72, 136, 84, "front", "body: deadline,", "limit", kind="lit")
    picture.arrow((148, 114), (210, 114), kind="main")
    picture.text(178, 104, "rows", "note")
    picture.rect(212, 20, 416, 178, "open")
    picture.text(420, 48, "app.predict_rows", "code name")
    parts = {
        "rows": ("types from", "the contract"),
        "model": ("score,", "threshold"),
        "answer": ("one line", "for each row"),
    }
    for number, (name, lines) in enumerate(parts.items()):
        picture.box(224 + 136 * number, 72, 120, 84, name, *lines)
        if number:
            picture.arrow((208 + 136 * number, 114), (223 + 136 * number, 114), kind="main")
    picture.text(226, 182, "or 422, with each mistake", "quiet start")
    picture.arrow((556, 156), (556, 242), kind="later")
    picture.box(496, 244, 120, 52, "log")
    picture.arrow((80, 156), (80, 242))
    picture.text(92, 206, "anything else", "quiet start")
    picture.box(12, 244, 250, 52, "Flask", "a small pool of threads")
    picture.arrow((236, 244), (236, 200))
    picture.text(248, 226, "predict, not plain", "quiet start")
    picture.text(274, 275, "pages, metrics, labels", "quiet start")
    return picture


def draw_line() -> Drawing:
    picture = Drawing(
        "The production line: what runs, from the rows to the app, each time",
        "Data, check, split, train, evaluate, package, promote, app. A step that fails ends the "
        "line, and the version in service stays.",
        238,
    )
    steps = (
        ("data", "rows, hashed"), ("check", "by the contract"), ("split", "in time"),
        ("train", "baseline first"), ("evaluate", "the report"), ("package", "same scores?"),
        ("promote", "the pointer"), ("app", "written anew"),
    )  # fmt: skip
    for number, (name, what) in enumerate(steps):
        x, y = 14 + 158 * (number % 4), 20 + 104 * (number // 4)
        picture.box(x, y, 138, 60, name, what, kind="accent" if name == "app" else "box")
        if number % 4:
            picture.arrow((x - 20, y + 30), (x, y + 30), kind="main")
    picture.arrow((557, 80), (557, 102), (83, 102), (83, 124), kind="main")
    picture.text(320, 218, "a step that fails ends the line: what is in service stays")
    return picture


def draw_all() -> dict[str, str]:
    "Every file below nbs/images that is drawn here, with its content."
    structures = {
        "contract": draw_contract, "one_path": draw_one_path, "folds_in_time": draw_folds,
        "artifact_and_pointer": draw_artifact, "swap": draw_swap, "log": draw_log,
        "request": draw_request, "line": draw_line,
    }  # fmt: skip
    drawn = {f"{name}.svg": draw().svg() for name, draw in structures.items()}
    return drawn | {f"road/{name}.svg": draw_road(here).svg() for name, here in LESSONS.items()}


if __name__ == "__main__":
    for name, content in draw_all().items():
        (FOLDER / name).write_text(content, encoding="utf-8", newline="\n")
