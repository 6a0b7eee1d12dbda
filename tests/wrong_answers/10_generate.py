# Wrong answers to lesson 10, with a part of what a check says to each.

# exercise 1: and with it what somebody wrote into it
def find_foreign(folder, files, record):
    foreign = []
    for name in sorted(files):
        path = folder / name
        if path.is_dir():
            foreign.append(f"{name} (a folder)")
        elif path.is_file() and hash_of(path.read_bytes()) not in (record.get(name), hash_of(files[name])):
            foreign.append(f"{name} ({'changed since' if name in record else 'not generated'})")
    return foreign

# exercise 1: nothing is lost there
def find_foreign(folder, files, record):
    foreign = []
    for name in sorted(files.keys() | record.keys()):
        path = folder / name
        if path.is_dir():
            foreign.append(f"{name} (a folder)")
        elif path.is_file() and hash_of(path.read_bytes()) != record.get(name):
            foreign.append(f"{name} ({'changed since' if name in record else 'not generated'})")
    return foreign

# exercise 1: for it is not on the record
def find_foreign(folder, files, record):
    foreign = []
    for name, digest in sorted(record.items()):
        path = folder / name
        if path.is_dir():
            foreign.append(f"{name} (a folder)")
        elif path.is_file() and hash_of(path.read_bytes()) != digest:
            foreign.append(f"{name} (changed since)")
    return foreign

# exercise 1: compare with the record
def find_foreign(folder, files, record):
    foreign = []
    for name, content in sorted(files.items()):
        path = folder / name
        if path.is_file() and path.read_bytes() != content:
            foreign.append(f"{name} ({'changed since' if name in record else 'not generated'})")
    return foreign

# exercise 1: whoever cleans up wants them all
def find_foreign(folder, files, record):
    foreign = []
    for name in [*files, *(record.keys() - files.keys())]:
        path = folder / name
        if path.is_dir():
            foreign.append(f"{name} (a folder)")
        elif path.is_file() and hash_of(path.read_bytes()) not in (record.get(name), hash_of(files.get(name, b""))):
            foreign.append(f"{name} ({'changed since' if name in record else 'not generated'})")
    return foreign

# exercise 2: neither in the folder nor in a lesson
decisions = {"north": "generate", "south": "overwrite", "east": "overwrite", "west": "generate"}

# exercise 2: the generator says: south: expected generated files, got log.py (changed since)
decisions = dict.fromkeys(["north", "south", "east", "west"], "generate")

# exercise 2: check_app still says: south/log.py: not what the library generates
decisions = {"north": "generate", "south": "leave", "east": "overwrite", "west": "leave"}

# exercise 2: now each server would get it
decisions = {"north": "generate", "south": "take over", "east": "take over", "west": "leave"}

# exercise 2: nothing had asked for force there
decisions = {"north": "overwrite", "south": "take over", "east": "overwrite", "west": "leave"}
