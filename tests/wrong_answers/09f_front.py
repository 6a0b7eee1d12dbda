# Wrong answers to lesson 09e, with a part of what a check says to each.

# exercise 1: only the exact request is plain
def is_plain(scope):
    headers = scope.headers
    kind = headers.get("content-type", "")
    plain = scope.method == "POST" and scope.path in ("/predict", "/invocations")
    return plain and kind.startswith(JSON) and "content-encoding" not in headers

# exercise 1: answers a browser's mistakes with a page
def is_plain(scope):
    headers = scope.headers
    plain = scope.method == "POST" and scope.path in ("/predict", "/invocations")
    return plain and headers.get("content-type") == JSON and "content-encoding" not in headers

# exercise 1: Flask refuses what is compressed
def is_plain(scope):
    headers = scope.headers
    plain = scope.method == "POST" and scope.path in ("/predict", "/invocations")
    return plain and headers.get("content-type") == JSON and "html" not in headers.get("accept", "")

# exercise 1: expected True of a plain request with {'path': '/invocations'}
def is_plain(scope):
    headers = scope.headers
    plain = scope.method == "POST" and scope.path == "/predict" and "content-encoding" not in headers
    return plain and headers.get("content-type") == JSON and "html" not in headers.get("accept", "")

# exercise 1: expected True of a plain request with {'accept': '*/*'}
def is_plain(scope):
    headers = scope.headers
    plain = scope.method == "POST" and scope.path in ("/predict", "/invocations")
    return plain and headers == {"content-type": JSON}

# exercise 2: in which no other request is read or answered
PLACES = {
    "row": "loop",
    "morning": "thread",
    "form": "loop",
    "labels": "loop",
    "weather": "loop",
    "archive": "batch",
}

# exercise 2: what comes most often cannot afford Flask
PLACES = {
    "row": "thread",
    "morning": "thread",
    "form": "thread",
    "labels": "thread",
    "weather": "thread",
    "archive": "batch",
}

# exercise 2: got a file tomorrow morning
PLACES = {
    "row": "loop",
    "morning": "batch",
    "form": "thread",
    "labels": "batch",
    "weather": "thread",
    "archive": "batch",
}

# exercise 2: when the platform has ended the request
PLACES = {
    "row": "loop",
    "morning": "thread",
    "form": "thread",
    "labels": "thread",
    "weather": "thread",
    "archive": "thread",
}

# exercise 3: another limit acts first
PROTECTS = {
    "train": "DEADLINE",
    "drip": "DEADLINE",
    "backup": "MOST_BYTES",
    "gravel": "MOST_PIECES",
    "month": "LARGE",
    "class": "ROOM",
    "crowd": "MOST_WAITING",
}

# exercise 3: got none for ROOM
PROTECTS = {
    "train": "SILENCE",
    "drip": "DEADLINE",
    "backup": "MOST_BYTES",
    "gravel": "MOST_PIECES",
    "month": "LARGE",
    "class": "MOST_BYTES",
    "crowd": "MOST_WAITING",
}

# exercise 3: without MOST_BYTES it costs the same
PROTECTS = {name: "MOST_BYTES" for name in CLIENTS}
