# Wrong answers to lesson 19e, with a part of what a check says to each.

# exercise 1: the lesson's directives and the new code
def put_answers(notebook, sources):
    for cell in notebook.cells:
        if cell.get("id") in sources:
            cell.source = sources[cell.id]

# exercise 1: AttributeError
def put_answers(notebook, sources):
    for cell in notebook.cells:
        if cell.id in sources:
            marks = [line for line in cell.source.splitlines() if line.startswith("#|")]
            lines = sources[cell.id].strip().splitlines()
            cell.source = "\n".join(marks + [line for line in lines if not line.startswith("#|")])

# exercise 1: the new code, '#| export
def put_answers(notebook, sources):
    for cell in notebook.cells:
        if cell.get("id") in sources:
            marks = [line for line in cell.source.splitlines() if line.startswith("#")]
            lines = sources[cell.id].strip().splitlines()
            cell.source = "\n".join(marks + [line for line in lines if not line.startswith("#")])

# exercise 2: come through
chosen = ["lesson", "module", "pages", "two workers"]

# exercise 2: expected at most 60 s
chosen = ["everything", "architecture"]
