"""A lesson builds on earlier lessons only, the app's modules on nothing but themselves.

The workshop's notebooks, from which the course's machinery and the command line come, stand on all
lessons and on each other in the order below; no lesson stands on them.
"""

import ast
import json
import re
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent / "nbs"


def read_lesson(path):
    "The module that a lesson exports (or None), and what its exported cells import from mlprod."
    module, imported = None, set()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        if found := re.match(r"#\|\s*default_exp\s+(\S+)", source):
            module = "mlprod." + found[1].replace("/", ".")
        if re.match(r"#\|\s*exports?\b", source):
            imported |= find_imports(source)
    return module, imported


def find_imports(source):
    "The modules of mlprod that a piece of code imports, wherever in it."
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name for name in names if name.startswith("mlprod.")}


LESSONS = {path.name: read_lesson(path) for path in sorted(NBS.glob("[0-9][0-9]*_*.ipynb"))}
ORDER = ("write", "system", "unchanged", "reading", "notebooks", "exercises", "checks", "lessons",
         "adopt", "classroom", "lab", "consistency", "standards", "tables", "new", "own",
         "demo", "site", "move", "capstone", "commands_shared", "commands_line",
         "commands_life", "commands_capstone", "commands_course", "commands")  # fmt: skip
WORKSHOP = {name: read_lesson(NBS / "workshop" / f"{name}.ipynb") for name in ORDER}


def test_every_module_comes_from_one_notebook():
    "Two that export the same module would overwrite each other."
    modules = [module for module, _ in [*LESSONS.values(), *WORKSHOP.values()] if module]
    assert len(modules) == len(set(modules)) > 0


def test_the_workshop_imports_from_lessons_and_from_what_stands_before():
    "Its order is stated above, and leaves no notebook out."
    assert {path.stem for path in (NBS / "workshop").glob("*.ipynb")} == set(ORDER)
    earlier, wrong = {module for module, _ in LESSONS.values()}, []
    for name, (module, imported) in WORKSHOP.items():
        wrong += [f"{name} imports {other}" for other in sorted(imported - earlier - {module})]
        earlier.add(module)
    assert not wrong, "\n".join(wrong)


def test_a_lesson_imports_from_earlier_lessons_only():
    "So the course can be read, and the library understood, from front to back."
    earlier, wrong = {"mlprod.write"}, []  # it imports nothing of ours
    for name, (module, imported) in LESSONS.items():
        wrong += [f"{name} imports {other}" for other in sorted(imported - earlier - {module})]
        earlier.add(module)
    assert not wrong, "\n".join(wrong)


def test_the_apps_modules_import_only_each_other():
    "The generated app runs where mlprod is not installed."
    wrong = [
        f"{name} imports {other}"
        for name, (module, imported) in LESSONS.items()
        if module and module.startswith("mlprod.app.")
        for other in sorted(imported)
        if not other.startswith("mlprod.app.")
    ]
    assert not wrong, "\n".join(wrong)
