# Wrong answers to lesson 19b, with a part of what a check says to each.

# exercise 1: for here something is written
def is_blank(answer):
    return "..." in answer or YOURS in answer

# exercise 1: for nobody has answered this: 'share: float
def is_blank(answer):
    try:
        lines = ast.parse(answer).body
    except SyntaxError:
        return False
    return YOURS in answer or any(
        isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant) and n.value.value is ...
        for n in lines
    )

# exercise 1: got SyntaxError
def is_blank(answer):
    lines = [n for n in ast.parse(answer).body if isinstance(n, (ast.Assign, ast.AnnAssign))]
    dots = [n for n in lines if isinstance(n.value, ast.Constant) and n.value.value is ...]
    return YOURS in answer or bool(dots)

# exercise 2: refuse one
kept = ["style", "untouched", "odd"]

# exercise 2: these get through ['exact', 'untouched']: ['the mean']
kept = ["exact", "untouched"]

# exercise 2: without 'exact' as much is caught
kept = ["exact", "odd", "untouched"]
