# Wrong answers to lesson 09f, with a part of what a check says to each.

# exercise 1: compare what came with what was announced
def read_request():
    if request.content_encoding:
        raise UnsupportedMediaType("expected a body that is not compressed")
    if request.content_length is None and request.mimetype == "text/csv":
        raise LengthRequired("expected a Content-Length")
    body = request.get_data(cache=False)
    if len(body) > MAX_BYTES:
        raise RequestEntityTooLarge
    return body

# exercise 1: 0 is a length
def read_request():
    if request.content_encoding:
        raise UnsupportedMediaType("expected a body that is not compressed")
    length = request.content_length
    if length is None and request.mimetype == "text/csv":
        raise LengthRequired("expected a Content-Length")
    body = request.get_data(cache=False)
    if length and len(body) != length:
        raise BadRequest(f"expected {length} bytes, got {len(body)}")
    if len(body) >= MAX_BYTES:
        raise RequestEntityTooLarge
    return body

# exercise 1: whatever follows the semicolon, half of it looks whole
def read_request():
    if request.content_encoding:
        raise UnsupportedMediaType("expected a body that is not compressed")
    length = request.content_length
    if length is None and request.content_type == "text/csv":
        raise LengthRequired("expected a Content-Length")
    body = request.get_data(cache=False)
    if length is not None and len(body) != length:
        raise BadRequest(f"expected {length} bytes, got {len(body)}")
    if len(body) >= MAX_BYTES:
        raise RequestEntityTooLarge
    return body

# exercise 1: Flask stops reading
def read_request():
    if request.content_encoding:
        raise UnsupportedMediaType("expected a body that is not compressed")
    length = request.content_length
    if length is None and request.mimetype == "text/csv":
        raise LengthRequired("expected a Content-Length")
    body = request.get_data(cache=False)
    if length is not None and len(body) != length:
        raise BadRequest(f"expected {length} bytes, got {len(body)}")
    if len(body) > MAX_BYTES:
        raise RequestEntityTooLarge
    return body

# exercise 1: to be read, application/json with nothing of its length announced
def read_request():
    if request.content_encoding:
        raise UnsupportedMediaType("expected a body that is not compressed")
    if request.content_length is None:
        raise LengthRequired("expected a Content-Length")
    body = request.get_data(cache=False)
    if len(body) != request.content_length:
        raise BadRequest(f"expected {request.content_length} bytes, got {len(body)}")
    if len(body) >= MAX_BYTES:
        raise RequestEntityTooLarge
    return body

# exercise 2: Alive asks whether a restart would help
SAYS = {
    "quiet": (True, True),
    "empty": (False, False),
    "broken": (True, True),
    "locked": (False, False),
    "full": (True, True),
    "leaving": (True, False),
    "lonely": (True, True),
}

# exercise 2: although each would have got its prediction
SAYS = {
    "quiet": (True, True),
    "empty": (True, False),
    "broken": (True, False),
    "locked": (False, False),
    "full": (True, False),
    "leaving": (True, False),
    "lonely": (True, False),
}

# exercise 2: this one said that it lived
SAYS = {name: (True, name in ("quiet", "broken", "full", "lonely")) for name in NIGHTS}

# exercise 2: for it said that it was ready
SAYS = {name: (name != "locked", name != "locked") for name in NIGHTS}
