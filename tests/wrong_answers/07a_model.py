# Wrong answers to lesson 07a, with a part of what a check says to each.

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
    said = manifest.pop("version")
    made = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]
    if not made == said == folder.name:
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

# exercise 2: did one noisy measurement decide
many = 50

# exercise 2: did one noisy measurement decide
many = 100

# exercise 2: which large calls are left as they come
many = 5_001

# exercise 2: which large calls are left as they come
many = 1_000_000

# exercise 2: or which small ones sorted
many = 1_000
