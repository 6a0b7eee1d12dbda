"""A lesson builds on earlier lessons only, the app's modules on nothing but themselves.

The workshop's notebooks, from which the course's machinery and the command line come, stand on all
lessons and on each other in the order below; no lesson stands on them.
"""

import ast
import io
import json
import re
import tokenize
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent / "nbs"
LIBRARY = NBS.parent / "mlprod"


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


# What these hold is the same everywhere; `root` is the repository's folder, `seed` starts every
# random draw, `options` are what a command line was parsed to.
EVERYWHERE = {"root", "seed", "options"}


def list_unexplained(tree, text, ours):
    "The parameters of public functions that neither a comment, the docstring nor a class explains."
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    found = []
    for owner, function in list_public(tree):
        makes = function.name == "__init__"
        parts = function.args
        named = [*parts.posonlyargs, *parts.args, *parts.kwonlyargs, parts.vararg, parts.kwarg]
        named = [each for each in named if each and each.arg not in ("self", "cls")]
        text = f"{ast.get_docstring(function)} {makes and ast.get_docstring(owner)}"
        known = EVERYWHERE | set(re.findall(r"\w+", text))
        one_line = len({each.lineno for each in named}) == 1  # has one comment for all of them
        signature = set(range(function.lineno, function.body[0].lineno))
        for each in named:
            kind = set(re.findall(r"\w+", ast.unparse(each.annotation or ast.Tuple([]))))
            lines = signature if one_line else {each.end_lineno}
            if not (lines & comments or each.arg in known or kind & ours or each.arg[0] == "_"):
                found.append(f"line {function.lineno}: {function.name}: {each.arg}")
    return found


def list_public(tree):
    "Public functions and methods of a module, each with what it belongs to."
    for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        if isinstance(owner, ast.Module) or owner.name[0] != "_":
            for node in owner.body:
                is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                if is_function and (node.name == "__init__" or node.name[0] != "_"):
                    yield owner, node


def test_every_parameter_of_a_public_function_is_explained():
    "By its comment, by the docstring that names it, or by the docstring of its class of ours."
    texts = {path: path.read_text(encoding="utf-8") for path in LIBRARY.rglob("*.py")}
    trees = {path: ast.parse(text) for path, text in texts.items() if path.name != "_modidx.py"}
    nodes = [node for tree in trees.values() for node in tree.body]
    ours = {
        node.name for node in nodes if isinstance(node, ast.ClassDef) and ast.get_docstring(node)
    }
    missing = [
        f"{path.relative_to(LIBRARY.parent)}, {each}"
        for path, tree in sorted(trees.items())
        for each in list_unexplained(tree, texts[path], ours)
    ]
    assert len(ours) > 100 and not missing, "\n".join(missing)
