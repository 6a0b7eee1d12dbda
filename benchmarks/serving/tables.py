"""From raw measurements to medians, ratios, and two tables in Markdown."""

import statistics

LOGGED, APP = "app-logging", "app"

COLUMNS = [  # of the table of medians: heading, figure, how it is shown
    ("req/s at 16", "per_second_16", lambda value: f"{value:,.0f}"),
    ("p50 ms", "p50_16", lambda value: f"{value * 1e3:.2f}"),
    ("p99 ms", "p99_16", lambda value: f"{value * 1e3:.2f}"),
    ("req/s at 64", "per_second_64", lambda value: f"{value:,.0f}"),
    ("10,000 rows ms", "rows_seconds", lambda value: f"{value * 1e3:.1f}"),
    ("first answer s", "first_answer", lambda value: f"{value:.2f}"),
    ("PSS MB", "pss", lambda value: f"{value / 1e6:.0f}"),
    ("PSS after 10,000 rows", "pss_after_rows", lambda value: f"{value / 1e6:.0f}"),
    ("RSS MB", "rss", lambda value: f"{value / 1e6:.0f}"),
    ("environment MB", "environment", lambda value: f"{value / 1e6:.0f}"),
]


def take_medians(
    rounds: list[dict],  # each: figures by their name, by the server's name
) -> dict[str, dict]:  # the same of all rounds; a figure that failed once has none
    "Take the median of every figure over the rounds."
    names = dict.fromkeys(name for one in rounds for name in one)
    medians = {}
    for name in names:
        measured = [one[name] for one in rounds if name in one]
        figures = set.intersection(*(set(figures) for figures in measured))
        medians[name] = {
            figure: statistics.median(figures[figure] for figures in measured)
            for figure in sorted(figures)
        }
    return medians


def best(medians: dict, names: list[str], figure: str, high: bool) -> tuple[str, float] | None:
    "The best of some servers, and its figure; None where nobody has one."
    values = {name: medians[name][figure] for name in names if figure in medians.get(name, {})}
    if not values:
        return None
    name = (max if high else min)(values, key=values.get)
    return name, values[name]


def list_targets(
    medians: dict,  # from take_medians
    floor: dict,  # medians of floor.py: decode, run
    roles: dict[str, str],  # peer, batching or app, by the server's name
    workers: dict[str, int],
) -> list[dict]:  # each: figure, target, ours, theirs, ratio, reached
    "Compare the app with what it should reach; what was not measured is left out."
    peers = [name for name in medians if roles[name] in ("peer", "batching")]
    single = [name for name in peers if roles[name] == "peer"]
    pairs = [name for name in peers if workers[name] == 2]
    own, at_16, at_64 = [APP], "per_second_16", "per_second_64"
    bare = floor["decode"] + floor["run"] if floor else None

    def against(names, figure, high):
        return best(medians, names, figure, high)

    # what, its figure of the app's (or another's), what it is held against, bound, more is better
    asked = [
        ("one row, 16 connections: best peer", own, at_16, against(peers, at_16, True), 9, True),
        ("… best peer without batching", own, at_16, against(single, at_16, True), 20, True),
        ("one row, 64 connections: best peer", own, at_64, against(peers, at_64, True), 9, True),
        ("p99 at 16 connections: best peer's p50", own, "p99_16",
         against(peers, "p50_16", False), 1 / 3, False),
        ("10,000 rows in one request: best peer", own, "rows_seconds",
         against(peers, "rows_seconds", False), 1 / 2, False),
        ("… decoding and the bare ONNX Runtime call", own, "rows_seconds",
         bare and ("floor.py", bare), 1.3, False),
        ("first answer after start: best peer", own, "first_answer",
         against(peers, "first_answer", False), 1 / 4, False),
        ("memory (PSS) with two workers: best peer", own, "pss",
         against(pairs, "pss", False), 1 / 2, False),
        ("… after requests of 10,000 rows: best peer", own, "pss_after_rows",
         against(pairs, "pss_after_rows", False), 1 / 2, False),
        ("environment on disk: best peer", own, "environment",
         against(peers, "environment", False), 1, False),
        ("one row, 16 connections, logging: without", [LOGGED], at_16,
         against(own, at_16, True), 0.8, True),
    ]  # fmt: skip
    shown = {figure: show for _, figure, show in COLUMNS}
    units = dict.fromkeys(shown, " MB") | {
        at_16: "/s", at_64: "/s", "p99_16": " ms", "rows_seconds": " ms", "first_answer": " s",
    }  # fmt: skip
    targets = []
    for title, ours, figure, theirs, bound, more in asked:
        mine = against(ours, figure, more)
        if not mine or not theirs:
            continue
        ratio = mine[1] / theirs[1]
        targets.append({
            "figure": title,
            "target": say_target(bound, more),
            "ours": shown[figure](mine[1]) + units[figure],
            "theirs": f"{shown[figure](theirs[1])}{units[figure]} ({theirs[0]})",
            "ratio": ratio,
            "shown": say_ratio(ratio, bound, more),
            "reached": ratio >= bound if more else ratio <= bound,
        })  # fmt: skip
    return targets


def say_target(bound: float, more: bool) -> str:
    "The bound in words: times where more is better, at most or a share where less is."
    if more:
        return f"at least {bound:g} times" if bound > 1 else f"at least {bound:.0%}"
    return f"at most {bound:g} times" if bound >= 1 else f"at most 1/{1 / bound:g}"


def say_ratio(ratio: float, bound: float, more: bool) -> str:
    "The ratio in the bound's own terms."
    if more:
        return f"{ratio:.1f} times" if bound > 1 else f"{ratio:.0%}"
    return f"{ratio:.2f} times" if bound >= 1 else f"1/{1 / ratio:.2f}"


def write_table(heads: list[str], lines: list[list[str]]) -> str:
    "Write a table in Markdown, all columns but the first to the right."
    rules = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [heads, rules, *lines])


def write_medians(medians: dict, titles: dict[str, str]) -> str:
    "Write the table of medians; a dash where a run was invalid."
    lines = [
        [titles[name], *(show(figures[figure]) if figure in figures else "–"
                         for _, figure, show in COLUMNS)]
        for name, figures in medians.items()
    ]  # fmt: skip
    return write_table(["server", *(head for head, _, _ in COLUMNS)], lines)


def write_targets(targets: list[dict]) -> str:
    "Write the table of what the app should reach."
    lines = [
        [one["figure"], one["target"], one["ours"], one["theirs"], one["shown"],
         "yes" if one["reached"] else "**no**"]
        for one in targets
    ]  # fmt: skip
    return write_table(["figure", "target", "app", "held against", "ratio", "reached"], lines)
