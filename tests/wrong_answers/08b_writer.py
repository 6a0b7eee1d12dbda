# Wrong answers to lesson 08b, with a part of what a check says to each.

# exercise 1: and nothing of the pile is written
def make_lines(pile):
    lines = []
    for at, artifact, predictions, rows in pile:
        names = columns_to_keep(artifact)
        for said, row in zip(predictions, rows, strict=True):
            text = msgspec.json.encode({name: row.get(name) for name in names}).decode()
            lines.append((said.id, at, artifact.version, text, said.score, said.decision))
    return lines, 0


# exercise 1: how much stands inside the try
def make_lines(pile):
    lines, lost = [], 0
    for at, artifact, predictions, rows in pile:
        names = columns_to_keep(artifact)
        try:
            texts = [msgspec.json.encode({n: row.get(n) for n in names}).decode() for row in rows]
        except (ValueError, TypeError):
            lost += len(rows)
            continue
        for said, text in zip(predictions, texts, strict=True):
            lines.append((said.id, at, artifact.version, text, said.score, said.decision))
    return lines, lost


# exercise 1: makes the log look complete
def make_lines(pile):
    lines = []
    for at, artifact, predictions, rows in pile:
        names = columns_to_keep(artifact)
        for said, row in zip(predictions, rows, strict=True):
            try:
                text = msgspec.json.encode({name: row.get(name) for name in names}).decode()
            except (ValueError, TypeError):
                continue
            lines.append((said.id, at, artifact.version, text, said.score, said.decision))
    return lines, 0


# exercise 1: what the log may keep is said by a function above
def make_lines(pile):
    lines, lost = [], 0
    for at, artifact, predictions, rows in pile:
        for said, row in zip(predictions, rows, strict=True):
            try:
                text = msgspec.json.encode(row).decode()
            except (ValueError, TypeError):
                lost += 1
            else:
                lines.append((said.id, at, artifact.version, text, said.score, said.decision))
    return lines, lost


# exercise 1: whose columns were they
def make_lines(pile):
    lines, lost = [], 0
    names = columns_to_keep(pile[0][1])
    for at, artifact, predictions, rows in pile:
        for said, row in zip(predictions, rows, strict=True):
            try:
                text = msgspec.json.encode({name: row.get(name) for name in names}).decode()
            except (ValueError, TypeError):
                lost += 1
            else:
                lines.append((said.id, at, artifact.version, text, said.score, said.decision))
    return lines, lost


# exercise 1: KeyError: 'origin', in line 8 of your answer
def make_lines(pile):
    lines, lost = [], 0
    for at, artifact, predictions, rows in pile:
        names = columns_to_keep(artifact)
        for said, row in zip(predictions, rows, strict=True):
            # what was not sent is not there
            try:
                text = msgspec.json.encode({name: row[name] for name in names}).decode()
            except (ValueError, TypeError):
                lost += 1
            else:
                lines.append((said.id, at, artifact.version, text, said.score, said.decision))
    return lines, lost


# exercise 1: SQLite would keep bytes as bytes
def make_lines(pile):
    lines, lost = [], 0
    for at, artifact, predictions, rows in pile:
        names = columns_to_keep(artifact)
        for said, row in zip(predictions, rows, strict=True):
            try:
                text = msgspec.json.encode({name: row.get(name) for name in names})
            except (ValueError, TypeError):
                lost += 1
            else:
                lines.append((said.id, at, artifact.version, text, said.score, said.decision))
    return lines, lost


# exercise 2: rows lost in a worker
room = 50_000
every = 0.02

# exercise 2: and a night without a log becomes a night without a service
room = 288_000
every = 0.02

# exercise 2: and nobody counts them
room = 100_000
every = 0.05

# exercise 2: of a worker's time for them
room = 100_000
every = 0.001


# exercise 2: rounds without a pause
room = 100_000
every = 0
