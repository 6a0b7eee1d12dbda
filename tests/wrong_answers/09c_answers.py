# Wrong answers to lesson 09c, with a part of what a check says to each.

# exercise 1: a warning counts rows from 1
def answer_rows(artifact, rows, request_id, writer=None):
    matrix, warnings = encode_rows(rows, artifact.features)
    scores = artifact.score(matrix)
    said = zip(*artifact.decide(scores), strict=True)
    told = [Prediction(f"{request_id}-{n}", *pair) for n, pair in enumerate(said)]
    for warning in warnings:
        told[warning.row].warnings += (f"{warning.column}: {warning.text}",)
    ROWS.inc(len(rows))
    WARNINGS.inc(len(warnings))
    if writer:
        writer.write(artifact, told, rows)
    return told, scores

# exercise 1: one by one takes many times as long
def answer_rows(artifact, rows, request_id, writer=None):
    matrix, warnings = encode_rows(rows, artifact.features)
    told, scores = [], []
    for place in range(len(rows)):
        scores += artifact.score(matrix[place : place + 1]).tolist()
        (score,), (decision,) = artifact.decide(artifact.score(matrix[place : place + 1]))
        said = tuple(f"{w.column}: {w.text}" for w in warnings if w.row == place + 1)
        told.append(Prediction(f"{request_id}-{place}", score, decision, said))
    ROWS.inc(len(rows))
    WARNINGS.inc(len(warnings))
    if writer:
        writer.write(artifact, told, rows)
    return told, scores

# exercise 1: count when there is an answer, not before
def answer_rows(artifact, rows, request_id, writer=None):
    ROWS.inc(len(rows))
    matrix, warnings = encode_rows(rows, artifact.features)
    scores = artifact.score(matrix)
    said = zip(*artifact.decide(scores), strict=True)
    told = [Prediction(f"{request_id}-{n}", *pair) for n, pair in enumerate(said)]
    for warning in warnings:
        told[warning.row - 1].warnings += (f"{warning.column}: {warning.text}",)
    WARNINGS.inc(len(warnings))
    if writer:
        writer.write(artifact, told, rows)
    return told, scores

# exercise 1: ROWS counts rows, not requests
def answer_rows(artifact, rows, request_id, writer=None):
    matrix, warnings = encode_rows(rows, artifact.features)
    scores = artifact.score(matrix)
    said = zip(*artifact.decide(scores), strict=True)
    told = [Prediction(f"{request_id}-{n}", *pair) for n, pair in enumerate(said)]
    for warning in warnings:
        told[warning.row - 1].warnings += (f"{warning.column}: {warning.text}",)
    ROWS.inc()
    WARNINGS.inc(len(warnings))
    if writer:
        writer.write(artifact, told, rows)
    return told, scores

# exercise 1: the log comes after the warnings
def answer_rows(artifact, rows, request_id, writer=None):
    matrix, warnings = encode_rows(rows, artifact.features)
    scores = artifact.score(matrix)
    said = zip(*artifact.decide(scores), strict=True)
    told = [Prediction(f"{request_id}-{n}", *pair) for n, pair in enumerate(said)]
    if writer:
        writer.write(artifact, told, rows)
    for warning in warnings:
        told[warning.row - 1].warnings += (f"{warning.column}: {warning.text}",)
    ROWS.inc(len(rows))
    WARNINGS.inc(len(warnings))
    return told, scores

# exercise 2: programs look at it before they look inside
def give_problem(status, detail, **more):
    title, request_id = HTTP_STATUS_CODES[status], request.environ.get("request_id", "")
    if wants_page():
        values = {"title": title, "detail": detail, "code": status, "request_id": request_id}
        return give_page("problem.html", **values)
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return give_json(told | {"request_id": request_id} | more, kind=PROBLEM)

# exercise 2: by it a program knows that this is no prediction
def give_problem(status, detail, **more):
    title, request_id = HTTP_STATUS_CODES[status], request.environ.get("request_id", "")
    if wants_page():
        values = {"title": title, "detail": detail, "code": status, "request_id": request_id}
        return give_page("problem.html", status, **values)
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return give_json(told | {"request_id": request_id} | more, status)

# exercise 2: a page with status 200 is kept and counted as a success
def give_problem(status, detail, **more):
    title, request_id = HTTP_STATUS_CODES[status], request.environ.get("request_id", "")
    if wants_page():
        values = {"title": title, "detail": detail, "code": status, "request_id": request_id}
        return give_page("problem.html", **values)
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return give_json(told | {"request_id": request_id} | more, status, PROBLEM)

# exercise 2: the template wants title, detail, code and request_id
def give_problem(status, detail, **more):
    title, request_id = HTTP_STATUS_CODES[status], request.environ.get("request_id", "")
    told = {"title": title, "status": status, "detail": detail, "request_id": request_id}
    if wants_page():
        return give_page("problem.html", told.pop("status"), **told)
    return give_json({"type": "about:blank"} | told | more, status, PROBLEM)

# exercise 2: has no use for them inside another name
def give_problem(status, detail, **more):
    title, request_id = HTTP_STATUS_CODES[status], request.environ.get("request_id", "")
    if wants_page():
        values = {"title": title, "detail": detail, "code": status, "request_id": request_id}
        return give_page("problem.html", status, **values)
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return give_json(told | {"request_id": request_id, "more": more}, status, PROBLEM)

# exercise 3: somebody's name is in there
TOLD = ["status", "title", "sentence", "request_id", "error"]

# exercise 3: is what a burglar looks up first
TOLD = ["status", "title", "sentence", "request_id", "place", "server"]

# exercise 3: several requests have the same second
TOLD = ["status", "title", "sentence", "time", "route", "version"]

# exercise 3: numbers and ids are for looking up
TOLD = ["status", "title", "request_id"]
