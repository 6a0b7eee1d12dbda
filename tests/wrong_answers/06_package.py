# Wrong answers to lesson 06, with a part of what a check says to each.

# exercise 1: which way did the threshold go
def floor_to_float32(thresholds):
    return thresholds.astype("float32").astype("float64")

# exercise 1: has changed sides
def floor_to_float32(thresholds):
    below = np.nextafter(thresholds.astype("float32"), np.float32(-np.inf))
    return below.astype("float64")

# exercise 1: which way did the threshold go
def floor_to_float32(thresholds):
    nearest = thresholds.astype("float32")
    smaller = np.nextafter(nearest, np.float32(0))  # towards zero: up, for a negative threshold
    return np.where(abs(nearest) > abs(thresholds), smaller, nearest).astype("float64")

# exercise 1: numbers that float32 can hold
def floor_to_float32(thresholds):
    return np.where(thresholds.astype("float32") > thresholds,
                    np.nextafter(thresholds, -np.inf), thresholds)

# exercise 1: expected float64, as the trees hold
def floor_to_float32(thresholds):
    nearest = thresholds.astype("float32")
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest)

# exercise 2: as saved_at is in the manifest
in_manifest = ["project", "threshold", "files", "libraries", "rows", "seed", "saved_at"]

# exercise 2: as in_service_then is in the manifest
in_manifest = ["project", "threshold", "files", "libraries", "rows", "seed", "in_service_then"]

# exercise 2: somebody has changed the threshold
in_manifest = ["project", "files", "libraries", "rows", "seed"]

# exercise 2: scikit-learn was updated overnight
in_manifest = ["project", "threshold", "files", "rows", "seed"]

# exercise 2: expected keys of `monday`
in_manifest = ["files", "threshold", "rows", "seed", "libraries", "model"]

# exercise 3: the same file with other content
def move_pointer(folder, version, previous):
    pointer = {"version": version, "previous": previous}
    (folder / POINTER).write_bytes(to_json(pointer))
    return pointer

# exercise 3: what is done to in_service.json before that
def move_pointer(folder, version, previous):
    pointer = {"version": version, "previous": previous}
    aside = folder / f"{ASIDE}{secrets.token_hex(4)}"
    try:
        write_file(aside, to_json(pointer))
        (folder / POINTER).unlink(missing_ok=True)
        aside.rename(folder / POINTER)
    finally:
        aside.unlink(missing_ok=True)
    return pointer

# exercise 3: an empty file under the right name
def move_pointer(folder, version, previous):
    pointer = {"version": version, "previous": previous}
    aside = folder / "in_service.new"
    try:
        aside.write_bytes(to_json(pointer))
        aside.replace(folder / POINTER)
    finally:
        aside.unlink(missing_ok=True)
    return pointer

# exercise 3: the one aside was left lying
def move_pointer(folder, version, previous):
    pointer = {"version": version, "previous": previous}
    aside = folder / f"{ASIDE}{secrets.token_hex(4)}"
    write_file(aside, to_json(pointer))
    os.replace(aside, folder / POINTER)
    sync_folder(folder)
    return pointer

# exercise 3: got None given back
def move_pointer(folder, version, previous):
    aside = folder / f"{ASIDE}{secrets.token_hex(4)}"
    write_file(aside, to_json({"version": version, "previous": previous}))
    os.replace(aside, folder / POINTER)

# exercise 4: you have just taken out of service
evening = [("roll back",), ("promote", "October"), ("promote", "Monday")]

# exercise 4: the duty manager rolls back, and Wednesday serves
evening = [("promote", "Monday")]

# exercise 4: expected the best version without the fault; got October
evening = [("promote", "Monday"), ("promote", "October")]

# exercise 4: promote', one of
evening = ["roll back"]
