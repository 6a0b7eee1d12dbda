# Wrong answers to lesson 19a, with a part of what a check says to each.

# exercise 1: 0 is a number like others here
def name_death(status):
    if not status:
        return "the kernel stopped answering"
    if status > 0:
        return f"the kernel left with exit status {status}"
    name = signal.Signals(-status).name
    memory = ", often for lack of memory" if name == "SIGKILL" else ""
    return f"the kernel was killed by {name}{memory}"

# exercise 1: does not know signals by number
def name_death(status):
    if status is None:
        return "the kernel stopped answering"
    if status < 0:
        return f"the kernel was killed by signal {-status}"
    return f"the kernel left with exit status {status}"

# exercise 1: a wrong trail costs a morning
def name_death(status):
    if status is None:
        return "the kernel stopped answering"
    if status < 0:
        name = signal.Signals(-status).name
        return f"the kernel was killed by {name}, often for lack of memory"
    return f"the kernel left with exit status {status}"

# exercise 1: None says that its process is there
def name_death(status):
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        memory = ", often for lack of memory" if name == "SIGKILL" else ""
        return f"the kernel was killed by {name}{memory}"
    return f"the kernel left with exit status {status}"

# exercise 2: an index counts from 0, people from 1
def name_cell(notebook, index):
    before = notebook.cells[: index + 1]
    added = sum("injected-parameters" in cell.metadata.get("tags", []) for cell in before)
    prose = [cell.source for cell in before if cell.cell_type == "markdown"]
    found = re.findall(r"^#{1,6} (.+)$", "\n".join(prose), re.MULTILINE)
    code = [s for s in notebook.cells[index].source.splitlines() if not s.startswith("#|")]
    return f"cell {index - added} ({found[-1] if found else (code or ['empty'])[0]})"

# exercise 2: the heading is the last one up to here
def name_cell(notebook, index):
    before = notebook.cells[: index + 1]
    added = sum("injected-parameters" in cell.metadata.get("tags", []) for cell in before)
    prose = [cell.source for cell in before if cell.cell_type == "markdown"]
    found = re.findall(r"^## (.+)$", "\n".join(prose), re.MULTILINE)
    code = [s for s in notebook.cells[index].source.splitlines() if not s.startswith("#|")]
    return f"cell {index + 1 - added} ({found[-1] if found else (code or ['empty'])[0]})"

# exercise 2: does not find the cell that papermill has added
def name_cell(notebook, index):
    prose = [cell.source for cell in notebook.cells[: index + 1] if cell.cell_type == "markdown"]
    found = re.findall(r"^#{1,6} (.+)$", "\n".join(prose), re.MULTILINE)
    code = [s for s in notebook.cells[index].source.splitlines() if not s.startswith("#|")]
    return f"cell {index + 1} ({found[-1] if found else (code or ['empty'])[0]})"

# exercise 2: only what was added above a cell moves its number
def name_cell(notebook, index):
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    added = tags.count("injected-parameters")
    prose = [cell.source for cell in notebook.cells[: index + 1] if cell.cell_type == "markdown"]
    found = re.findall(r"^#{1,6} (.+)$", "\n".join(prose), re.MULTILINE)
    code = [s for s in notebook.cells[index].source.splitlines() if not s.startswith("#|")]
    return f"cell {index + 1 - added} ({found[-1] if found else (code or ['empty'])[0]})"

# exercise 2: the cell's own first line says where it is
def name_cell(notebook, index):
    before = notebook.cells[: index + 1]
    added = sum("injected-parameters" in cell.metadata.get("tags", []) for cell in before)
    text = "\n".join(cell.source for cell in before)
    found = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    code = [s for s in notebook.cells[index].source.splitlines() if not s.startswith("#|")]
    return f"cell {index + 1 - added} ({found[-1] if found else (code or ['empty'])[0]})"

# exercise 3: tuesday: the duty manager planned July by 24%
BELIEVED = list(RUNS)

# exercise 3: saturday: the duty manager planned
BELIEVED = ["monday", "thursday", "saturday"]

# exercise 3: does what looks odd in this copy
BELIEVED = ["monday"]

# exercise 3: friday: the duty manager planned
BELIEVED = ["monday", "friday"]
