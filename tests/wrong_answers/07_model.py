# Wrong answers to lesson 07, with a part of what a check says to each.

# exercise 1: which part of it vouches for the rest
def read_files(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    contents = {name: (folder / name).read_bytes() for name in FILES}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
            raise ValueError(f"{name}: expected the bytes that the manifest lists, got others")
    return manifest, contents

# exercise 1: between two times somebody can put another file there
def read_files(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    rest = {key: value for key, value in manifest.items() if key != "version"}
    made = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12]
    if not made == manifest["version"] == folder.name:
        raise ValueError("manifest.json: another version")
    for name in FILES:
        with open(folder / name, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != manifest["files"][name]:
                raise ValueError(f"{name}: changed")
    return manifest, {name: (folder / name).read_bytes() for name in FILES}

# exercise 1: with which hash did you compare it
def read_files(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    rest = {key: value for key, value in manifest.items() if key != "version"}
    made = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12]
    if not made == manifest["version"] == folder.name:
        raise ValueError("manifest.json: another version")
    contents = {name: (folder / name).read_bytes() for name in FILES}
    if hashlib.sha256(contents["model.onnx"]).hexdigest() != manifest["files"]["model.onnx"]:
        raise ValueError("model.onnx: changed")
    return manifest, contents

# exercise 1: without ['version']
def read_files(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    named = manifest.pop("version")
    made = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]
    if not made == named == folder.name:
        raise ValueError("manifest.json: another version")
    contents = {name: (folder / name).read_bytes() for name in FILES}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
            raise ValueError(f"{name}: changed")
    return manifest, contents

# exercise 1: the app asks for a version by its folder
def read_files(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    rest = {key: value for key, value in manifest.items() if key != "version"}
    made = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12]
    if made != manifest["version"]:
        raise ValueError("manifest.json: another version")
    contents = {name: (folder / name).read_bytes() for name in FILES}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
            raise ValueError(f"{name}: changed")
    return manifest, contents

# exercise 1: three versions have to agree
def read_files(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    rest = {key: value for key, value in manifest.items() if key != "version"}
    made = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12]
    if made != folder.name:
        raise ValueError("manifest.json: another version")
    contents = {name: (folder / name).read_bytes() for name in FILES}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
            raise ValueError(f"{name}: changed")
    return manifest, contents

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
