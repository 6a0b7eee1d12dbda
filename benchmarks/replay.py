"""Replay the flights of 2023 against the model of 2013, and print each figure beside its goal.

    python benchmarks/replay.py              # a tenth of the rows, about a minute
    python benchmarks/replay.py --share 1    # all rows, some minutes; --write keeps the result

The lesson on the replay reads replay.json. The goals are those of a prototype on the same rows, in
which app and log had no part, and whose gate was another one.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from mlprod.package import to_json
from mlprod.replay import describe_replay, replay
from mlprod.write import write_aside

HERE = Path(__file__).resolve().parent
MODEL = "hist_gradient_boosting", {"learning_rate": 0.05, "max_leaf_nodes": 31}  # of the line
WORTH = {  # EUR per 1,000 flights of 2023, and how many trainings served
    "never": (11102, 0), "quarterly, 3 months": (15173, 5), "quarterly, all": (17725, 5),
    "monthly, all": (18110, 15), "monthly, gated": (17706, 5),
}  # fmt: skip
AGAINST = {  # never
    ("quarterly, all", "2013Q4"): (388, -1572, 2192),
    ("quarterly, 3 months", "2013Q4"): (-7408, -11337, -2425),
    ("quarterly, all", "2023Q2"): (7734,), ("quarterly, all", "2023Q3"): (10603,),
    ("quarterly, all", "2023Q4"): (8822,),
}  # fmt: skip


def main() -> None:
    "Replay, and compare; keep the result where asked to."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--serve", choices=("judged", "refit"), default="refit")
    parser.add_argument("--write", action="store_true", help="keep the result in replay.json")
    options = parser.parse_args()

    def show(text: str) -> None:
        print(f"  {text:<76}", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr)

    contract = HERE.parent / "data" / "flights" / "contract.yaml"
    with tempfile.TemporaryDirectory() as home:
        result = replay(
            contract, Path(home, "replay"), options.share, serve_as=options.serve, model=MODEL,
            show=show,
        )
    print(describe_replay(result))
    print(f"\n{'figure':<40}{'goal':>28}{'here':>28}")
    for name, (worth, changes) in WORTH.items():
        got = result["policies"][name]
        here = f"{got['worth']['2023']:,.0f}, {got['promotions']} changes"
        print(f"{name + ', 2023':<40}{f'{worth:,}, {changes} changes':>28}{here:>28}")
    for (name, quarter), goal in AGAINST.items():
        got = result["policies"][name]["against_never"][quarter]
        texts = []
        for by, *ends in (goal, got):
            texts.append(f"{by:+,.0f} {[round(end) for end in ends] or ''}".strip())
        print(f"{f'{name} against never, {quarter}':<40}{texts[0]:>28}{texts[1]:>28}")
    if options.write:
        write_aside(HERE / "replay.json", to_json(result))


if __name__ == "__main__":
    main()
