# Wrong answers to lesson 07b, with a part of what a check says to each.

# exercise 1: expected one line for no file and another for half a file
def read_pointer(folder):
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
        assert re.fullmatch(r"[0-9a-zA-Z_-]+", version)
    except Exception:
        raise ArtifactError(f"{POINTER}: expected a version") from None
    return version

# exercise 1: expected an ArtifactError; got TypeError
def read_pointer(folder):
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
    except FileNotFoundError:
        raise ArtifactError(f"{POINTER} not found") from None
    except (ValueError, KeyError):
        raise ArtifactError(f"{POINTER}: expected JSON with a version") from None
    if not re.fullmatch(r"[0-9a-zA-Z_-]+", version):
        raise ArtifactError(f"{POINTER}: expected the name of a version")
    return version

# exercise 1: got RecursionError
def read_pointer(folder):
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
    except FileNotFoundError:
        raise ArtifactError(f"{POINTER} not found") from None
    except (ValueError, KeyError, TypeError):
        raise ArtifactError(f"{POINTER}: expected JSON with a version") from None
    if not isinstance(version, str) or not re.fullmatch(r"[0-9a-zA-Z_-]+", version):
        raise ArtifactError(f"{POINTER}: expected the name of a version")
    return version

# exercise 1: from its first to its last
def read_pointer(folder):
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
    except FileNotFoundError:
        raise ArtifactError(f"{POINTER} not found") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArtifactError(f"{POINTER}: expected JSON with a version") from None
    if not isinstance(version, str) or not re.match(r"^[0-9a-zA-Z_-]+$", version):
        raise ArtifactError(f"{POINTER}: expected the name of a version")
    return version

# exercise 1: and the app looks for a
def read_pointer(folder):
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
    except FileNotFoundError:
        raise ArtifactError(f"{POINTER} not found") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArtifactError(f"{POINTER}: expected JSON with a version") from None
    return version

# exercise 1: names no folder of ours
def read_pointer(folder):
    try:
        version = json.loads((Path(folder) / POINTER).read_bytes())["version"]
    except OSError as error:
        raise ArtifactError(f"{POINTER}: {error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArtifactError(f"{POINTER}: expected JSON with a version") from None
    if not isinstance(version, str) or not re.fullmatch(r"[0-9a-zA-Z_-]+", version):
        raise ArtifactError(f"{POINTER}: expected the name of a version")
    return version

# exercise 2: expected at most 30 looks a second
look_again = 0.05
try_again = 40

# exercise 2: the pointer may move right after a look
look_again = 3
try_again = 40

# exercise 2: every worker keeps trying
look_again = 2
try_again = 10

# exercise 2: the copy is complete right after a try
look_again = 2
try_again = 60

# exercise 2: the next try comes with the first look
look_again = 2.3
try_again = 44
