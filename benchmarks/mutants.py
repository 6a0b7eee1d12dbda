"""Which changed answers do a lesson's checks let through?

    python benchmarks/mutants.py 01 04        # or no number: every lesson

Takes the answer of each exercise that is library code, changes one thing in it (a comparison, an
operator, a constant, a condition, a statement, what is returned), and runs the exercise's checks. A
change that all checks let through is listed: either it makes no difference, or a check is missing.
Each changed answer runs in a process of its own, forked from one that has run the lesson up to
there, in a copy of the repository. Not on Windows.
"""

import argparse
import ast
import copy
import os
import signal
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}

from mlprod.course.adopt import copy_repository
from mlprod.course.exercises import Exercise, Lesson, is_library, read_lesson
from mlprod.course.lessons import find_lesson, list_lessons

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 20  # for one changed answer; one that takes longer is noticed, too

COMPARE = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
OPERATE = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
SKIPPED = (ast.JoinedStr, ast.arg)  # words of messages, annotations


def change_node(node: ast.AST) -> Iterator[ast.AST]:
    "Each way to change one node; the parts inside it are changed elsewhere."
    new = copy.deepcopy(node)
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for kind in COMPARE.get(type(operator), ()):
                new = copy.deepcopy(node)
                new.ops[place] = kind()
                yield new
    elif isinstance(node, ast.BoolOp):
        new.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield new
        yield from (copy.deepcopy(value) for value in node.values)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATE:
        new.op = OPERATE[type(node.op)]()
        yield new
    elif isinstance(node, ast.UnaryOp):
        yield new.operand
    elif isinstance(node, ast.Constant):
        yield from change_constant(node.value)
    elif isinstance(node, ast.IfExp):
        new.body, new.orelse = new.orelse, new.body
        yield new
    elif isinstance(node, ast.comprehension) and node.ifs:
        new.ifs = []
        yield new
    elif isinstance(node, ast.Call):
        yield from change_call(node)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set) and is_read(node):
        for place in range(len(node.elts)):
            new = copy.deepcopy(node)
            del new.elts[place]
            yield new
    if isinstance(node, ast.If | ast.While):
        for value in (True, False):
            new = copy.deepcopy(node)
            new.test = ast.Constant(value)
            yield new
    if isinstance(node, ast.Return) and node.value is not None:
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield ast.Pass()


def is_read(node: ast.AST) -> bool:
    "Whether a display of values has more than one, and is none to assign to."
    return len(node.elts) > 1 and not isinstance(getattr(node, "ctx", None), ast.Store)


def change_call(node: ast.Call) -> Iterator[ast.AST]:
    "Without one of its named arguments; what went in, instead of what comes out."
    for place in range(len(node.keywords)):
        new = copy.deepcopy(node)
        del new.keywords[place]
        yield new
    if isinstance(node.func, ast.Name) and len(node.args) == 1:
        yield copy.deepcopy(node.args[0])
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.ctx, ast.Load):
        yield copy.deepcopy(node.func.value)


def change_constant(value: object) -> Iterator[ast.Constant]:
    "Another value of the same kind."
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        yield ast.Constant(f"{value}X")


def list_places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    "The places below a node where something may be changed: parent, field, index."
    docstring = ast.get_docstring(node, clean=False) if isinstance(node, DOCUMENTED) else None
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list") or isinstance(node, ast.Raise):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            said = docstring is not None and field == "body" and index == 0
            if isinstance(child, ast.AST) and not isinstance(child, SKIPPED) and not said:
                yield node, field, index
                yield from list_places(child)


DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def list_mutants(source: str) -> dict[str, str]:
    "Changed source → what was changed, in a line."
    tree, found = ast.parse(source), {}
    for parent, field, index in list(list_places(tree)):
        holder = getattr(parent, field)
        node = holder if index is None else holder[index]
        if parent is tree:  # the definition itself; without it nothing would be answered
            continue
        for new in change_node(node):
            put(parent, field, index, new)
            text = ast.unparse(ast.fix_missing_locations(tree))
            before, after = (ast.unparse(n).splitlines()[0].strip() for n in (node, new))
            line = getattr(node, "lineno", getattr(parent, "lineno", 0))
            found.setdefault(text, f"line {line}: {before}  ->  {after}")
            put(parent, field, index, node)
    found.pop(ast.unparse(tree), None)
    return found


def put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    "Put a node in its place."
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def run_child(exercise: Exercise, answer: str, space: dict) -> bool:
    "Whether all checks pass, in a process of its own."
    child = os.fork()
    if child:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status == 0
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        for cell in exercise.cells:
            exec(answer if cell is exercise.answer else cell.source, space)
    except BaseException:
        os._exit(1)
    os._exit(0)


def measure(lesson: Lesson) -> tuple[int, int]:
    "Print the changes of a lesson's answers that pass; how many were tried, and how many passed."
    module = types.ModuleType("lesson")
    sys.modules["lesson"], space = module, vars(module)  # classes look for their module
    tried = passed = 0
    exercises = {exercise.cells[0].id: exercise for exercise in lesson.exercises}
    for cell in lesson.notebook.cells:
        exercise = exercises.get(cell.id)
        if exercise and exercise.kind == "library code":
            source = exercise.answer.source
            if not run_child(exercise, source, space):
                print(f"  exercise {exercise.number}: our own answer does not pass here; left out")
            else:
                mutants = list_mutants(source)
                alive = [what for text, what in mutants.items() if run_child(exercise, text, space)]
                title = f"exercise {exercise.number}, {exercise.title}"
                print(f"  {title}: {len(alive)} of {len(mutants)} pass", flush=True)
                print("".join(f"    {what}\n" for what in alive), end="", flush=True)
                tried, passed = tried + len(mutants), passed + len(alive)
        if is_library(cell):
            exec(cell.source, space)
    return tried, passed


def main() -> None:
    "Measure the lessons that are named, or all."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="such as 04; default: all")
    words = parser.parse_args().lessons
    paths = [ROOT / "nbs" / f"{find_lesson(ROOT, w)}.ipynb" for w in words] or list(
        list_lessons(ROOT).values()
    )
    totals = []
    with copy_repository(ROOT) as root:
        os.chdir(root / "nbs")
        for path in paths:
            lesson = read_lesson(path)
            print(f"{lesson.name}", flush=True)
            totals.append((lesson.name, *measure(lesson)))
    print("\n| lesson | changed answers | pass | share |\n|---|---:|---:|---:|")
    for name, tried, passed in totals:
        print(f"| {name} | {tried} | {passed} | {passed / max(1, tried):.0%} |")


if __name__ == "__main__":
    main()
