# Wrong answers to lesson 06b, with a part of what a check says to each.

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
