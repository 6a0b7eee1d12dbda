# Wrong answers to lesson 06c, with a part of what a check says to each.

# exercise 1: as after a kill
def write_history(folder, pointer):
    with open(folder / HISTORY, "ab") as file:
        file.write((json.dumps(pointer) + "\n").encode())

# exercise 1: earlier lines stay as they are
def write_history(folder, pointer):
    if pointer["version"] is not None:
        write_aside(folder / HISTORY, (json.dumps(pointer) + "\n").encode())

# exercise 1: and another change
def write_history(folder, pointer):
    path = folder / HISTORY
    known = path.read_text() if path.exists() else ""
    if pointer["version"] and f'"version": "{pointer["version"]}"' not in known:
        write_aside(path, (known + json.dumps(pointer) + "\n").encode())

# exercise 1: expected no line; got 1
def write_history(folder, pointer):
    path, line = folder / HISTORY, (json.dumps(pointer) + "\n").encode()
    known = path.read_bytes() if path.exists() else b""
    if not known.endswith(line):
        write_aside(path, known + line)

# exercise 2: you have just taken out of service
evening = [("roll back",), ("promote", "October"), ("promote", "Monday")]

# exercise 2: the duty manager rolls back, and Wednesday serves
evening = [("promote", "Monday")]

# exercise 2: expected the best version without the fault; got October
evening = [("promote", "Monday"), ("promote", "October")]

# exercise 2: promote', one of
evening = ["roll back"]
