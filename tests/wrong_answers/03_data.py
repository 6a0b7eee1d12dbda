# Wrong answers to lesson 03, with a part of what a check says to each.

# exercise 1: every cancelled flight would count as on time
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above is not None:
        return (values > target.above).to_numpy(dtype="float64")
    if not set(values.dropna()) <= set(target.labels):
        raise DataError([f"unknown label in {sorted(set(values.dropna()))}"])
    return np.array([target.labels.index(v) if isinstance(v, str) else np.nan for v in values])


# exercise 1: late is what is above 15: expected labels 0, 0, 1
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above is not None:
        late = (values >= target.above).astype("float64")
        return late.where(values.notna()).to_numpy()
    if not set(values.dropna()) <= set(target.labels):
        raise DataError([f"unknown label in {sorted(set(values.dropna()))}"])
    return np.array([target.labels.index(v) if isinstance(v, str) else np.nan for v in values])


# exercise 1: the limit is the contract's, and minus ten is a limit
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above is not None:
        return (values > 15).astype("float64").where(values.notna()).to_numpy()
    return values.map({label: code for code, label in enumerate(target.labels)}).to_numpy()


# exercise 1: the contract's order counts, not the alphabet's
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above is not None:
        late = (values > target.above).astype("float64")
        return late.where(values.notna()).to_numpy()
    codes = values.astype("category").cat.codes.astype("float64")
    return codes.where(codes >= 0).to_numpy()


# exercise 1: a row with Gento: expected a DataError
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above is not None:
        late = (values > target.above).astype("float64")
        return late.where(values.notna()).to_numpy()
    codes = {label: code for code, label in enumerate(target.labels)}
    return values.map(codes).to_numpy(dtype="float64", na_value=np.nan)


# exercise 1: a row with inf: expected a DataError
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above is not None:
        late = (values > target.above).astype("float64")
        return late.where(values.notna()).to_numpy(dtype="float64")
    wanted = f"one of {', '.join(target.labels)}"
    refuse(values, values.isin(target.labels) | values.isna(), wanted, target.labels)
    codes = {label: code for code, label in enumerate(target.labels)}
    return values.map(codes).to_numpy(dtype="float64", na_value=np.nan)


# exercise 1: zero is a limit like any other
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above:
        refuse(values, ~np.isinf(values), "a finite number")
        late = (values > target.above).astype("float64")
        return late.where(values.notna()).to_numpy(dtype="float64")
    wanted = f"one of {', '.join(target.labels)}"
    codes = {label: code for code, label in enumerate(target.labels)}
    return values.map(codes).to_numpy(dtype="float64", na_value=np.nan)


# exercise 1: two texts may have one label, and a text may have none
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if target.above is not None or not target.labels:
        numbers = values.astype("float64")
        refuse(values, ~np.isinf(numbers), "a finite number")
        return numbers.to_numpy() if not target.labels else np.where(numbers.isna(), np.nan, numbers > target.above)
    texts = write_texts(values)
    refuse(values, texts.isin(target.labels) | values.isna(), f"one of {', '.join(target.labels)}", target.labels)
    return texts.map({label: code for code, label in enumerate(target.labels)}).to_numpy(dtype="float64")


# exercise 1: expected the minutes -7.5, 0, NaN and 16
def take_labels(rows, contract):
    target = contract.target
    values = rows[target.column]
    if values.dtype.kind == "f":
        numbers = values.astype("float64")
        refuse(values, ~np.isinf(numbers), "a finite number")
        return np.where(numbers.isna(), np.nan, numbers > (target.above or 0))
    words = target.words or {label: label for label in target.labels}
    texts = write_texts(values)
    refuse(values, texts.isin(words) | values.isna(), f"one of {', '.join(words)}", words)
    return texts.map({text: target.labels.index(word) for text, word in words.items() if word}).to_numpy()


# exercise 2: expected rows that the contract allows
corrections = {(2, "body_mass"): "3900"}
changes = {"columns.sex.may_be_missing": True}

# exercise 2: row 4 was weighed three times
corrections = {(2, "body_mass"): "3900", (4, "body_mass"): "5250", (7, "bill_length"): "50.0"}
changes = {"columns.sex.may_be_missing": True}

# exercise 2: nobody knows the sex in rows 6 and 9
corrections = {
    (2, "body_mass"): "3900", (7, "bill_length"): "50.0", (6, "sex"): "male", (9, "sex"): "female",
}
changes = {"columns.body_mass.range": [2000, 9000]}

# exercise 2: weighed in kilograms: expected 3900 grams
corrections = {(7, "bill_length"): "50.0"}
changes = {"columns.body_mass.range": [1, 9000], "columns.sex.may_be_missing": True}

# exercise 2: so the next mistake of this kind will not be noticed
corrections = {(2, "body_mass"): "3900", (7, "bill_length"): "50.0"}
changes = {"columns.body_mass.range": [0, 9000], "columns.sex.may_be_missing": True}
