"""Resolve settings.ini's requirements for every Python and system at once: what `make lock` does.

make lock                             # what is pinned stays, where it still fits
make lock ARGS=--upgrade              # the newest that fits
"""

import configparser
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
APP_LOCK = ROOT / "mlprod" / "files" / "app" / "requirements.txt"
COMPILE = [
    "--universal", "--fork-strategy", "fewest",  # one version for every Python: the same outputs
    "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
    "--no-emit-find-links", "--quiet",
    # jsonschema does without, and every import of nbformat would spend a second on it.
    "--no-emit-package", "rfc3987-syntax", "--no-emit-package", "lark",
]  # fmt: skip


def compile_pins(folder: Path, source: str, to: str, *options: str) -> str:
    "Let uv resolve a file of requirements; return its pins."
    # In a folder of its own, so that no path of this machine gets into the lock.
    command = ["uv", "pip", "compile", *COMPILE, *options, source, "-o", to]
    subprocess.run(command, cwd=folder, check=True)
    return (folder / to).read_text(encoding="utf-8")


def main(options: list[str]) -> None:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    settings = parser["DEFAULT"]
    kinds = [name for name in settings if name.endswith("requirements") and name[:4] != "app_"]
    oldest = ("--python-version", settings["min_python"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ours.in").write_text("\n".join(settings[kind] for kind in kinds))
        (folder / "app.in").write_text(settings["app_requirements"])
        if LOCK.exists():
            shutil.copy(LOCK, folder / "ours.txt")  # what is pinned stays
        pins = compile_pins(folder, "ours.in", "ours.txt", *oldest, *options)
        shutil.copy(folder / "ours.txt", folder / "app.txt")  # the same versions and hashes
        app_pins = compile_pins(folder, "app.in", "app.txt", *oldest, "-c", "ours.txt")
    versions = settings["python_versions"].replace(" ", ", ")
    about = f"# Written by `make lock` from settings.ini, for Python {versions}.\n"
    LOCK.write_text(about + pins, encoding="utf-8", newline="\n")
    about = "# What the app runs on, and what that needs in turn: from requirements.lock, "
    APP_LOCK.write_text(f"{about}by `make lock`.\n{app_pins}", encoding="utf-8", newline="\n")
    count = len(re.findall(r"^\S+==", pins, re.MULTILINE))
    print(f"make: requirements.lock: {count} pins")


if __name__ == "__main__":
    if not shutil.which("uv"):
        sys.exit("make.py: lock needs uv: `make setup` brings it")
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:  # uv has said why
        sys.exit(error.returncode)
