# Wrong answers to lesson 09g, with a part of what a check says to each.

# exercise 1: a header of its own says that a body is packed
def is_plain(environ):
    length = environ.get("CONTENT_LENGTH", "")
    plain = environ.get("CONTENT_TYPE") == JSON and environ["REQUEST_METHOD"] == "POST"
    return plain and length.isdecimal() and int(length) <= MAX_BYTES

# exercise 1: posted, is plain
def is_plain(environ):
    length = environ.get("CONTENT_LENGTH", "")
    kind = environ.get("CONTENT_TYPE", "")
    if environ["REQUEST_METHOD"] != "POST" or "HTTP_CONTENT_ENCODING" in environ:
        return False
    return kind.startswith(JSON) and length.isdecimal() and int(length) <= MAX_BYTES

# exercise 1: no error, and no number that somebody else would read differently
def is_plain(environ):
    if environ.get("CONTENT_TYPE") != JSON or "HTTP_CONTENT_ENCODING" in environ:
        return False
    return environ["REQUEST_METHOD"] == "POST" and 0 <= int(environ["CONTENT_LENGTH"]) <= MAX_BYTES

# exercise 1: hardly anything goes the short one
def is_plain(environ):
    length = environ.get("CONTENT_LENGTH", "")
    if environ.get("CONTENT_TYPE") != JSON or "HTTP_CONTENT_ENCODING" in environ:
        return False
    return environ["REQUEST_METHOD"] == "POST" and length.isdecimal() and int(length) < MAX_BYTES

# exercise 1: expected False with a length of '7²'
def is_plain(environ):
    length = environ.get("CONTENT_LENGTH", "")
    if environ.get("CONTENT_TYPE") != JSON or "HTTP_CONTENT_ENCODING" in environ:
        return False
    return environ["REQUEST_METHOD"] == "POST" and length.isdigit() and int(length) <= MAX_BYTES

# exercise 2: one Python uses one core
WORKERS = 1
THREADS = 512

# exercise 2: wait for a train to leave the tunnel
WORKERS = 2
THREADS = 125

# exercise 2: platform ends what takes more
WORKERS = 4
THREADS = 256
