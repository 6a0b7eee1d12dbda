# Wrong answers to lesson 20, with a part of what a check says to each.

# exercise 1: look anywhere in the text
def find_telltales(text, root):
    found = [name for name, pattern in TELLTALES.items() if re.match(pattern, text)]
    if not found and str(root) in text:
        found.append("a path of this machine")
    return found

# exercise 1: do not stop at the first
def find_telltales(text, root):
    for name, pattern in TELLTALES.items():
        if re.search(pattern, text):
            return [name]
    return ["a path of this machine"] if str(root) in text else []

# exercise 1: the root is /srv/build/mlprod
def find_telltales(text, root):
    return [name for name, pattern in TELLTALES.items() if re.search(pattern, text)]

# exercise 1: its name is wanted once
def find_telltales(text, root):
    found = [name for name, pattern in TELLTALES.items() if re.search(pattern, text)]
    if str(root) in text:
        found.append("a path of this machine")
    return found

# exercise 1: the patterns know the difference
def find_telltales(text, root):
    found = [name for name, pattern in TELLTALES.items() if re.search(pattern, text)]
    if not found and ("/home/" in text or str(root) in text):
        found.append("a path of this machine")
    return found

# exercise 2: where does its class come from?
def describe_error(error):
    text = read_message(error)
    if isinstance(error, ValueError | OSError):
        return text
    return f"unexpected {type(error).__name__}: {text}; --debug shows where"

# exercise 2: a ValueError from mlprodigy.rows
def describe_error(error):
    text = read_message(error)
    ours = type(error).__module__.startswith(tuple(OURS))
    if (ours and isinstance(error, ValueError)) or isinstance(error, OSError):
        return text
    return f"unexpected {type(error).__name__}: {text}; --debug shows where"

# exercise 2: a disk and its files are the user's
def describe_error(error):
    text = read_message(error)
    if type(error).__module__.split(".")[0] in OURS and isinstance(error, ValueError):
        return text
    return f"unexpected {type(error).__name__}: {text}; --debug shows where"

# exercise 2: its package is one of OURS
def describe_error(error):
    text = read_message(error)
    ours = type(error).__module__.split(".")[0] == "mlprod"
    if (ours and isinstance(error, ValueError)) or isinstance(error, OSError):
        return text
    return f"unexpected {type(error).__name__}: {text}; --debug shows where"

# exercise 2: nobody outside can mend this one
def describe_error(error):
    text = read_message(error)
    if type(error).__module__.split(".")[0] in OURS or isinstance(error, OSError):
        return text
    return f"unexpected {type(error).__name__}: {text}; --debug shows where"

# exercise 2: so no more than what read_message reads
def describe_error(error):
    ours = type(error).__module__.split(".")[0] in OURS
    if (ours and isinstance(error, ValueError)) or isinstance(error, OSError):
        return f"{type(error).__name__}: {read_message(error)}"
    return f"unexpected {type(error).__name__}: {read_message(error)}; --debug shows where"

# exercise 3: limit_broken: expected the script to keep yesterday's app
unchanged = (0, "")
limit_broken = (0, "precision_at_capacity: expected at least 0.35; got 0.31")
lesson_failed = (1, "04_train.ipynb: cell 12: KeyError")
misspelt = (2, "no option --cell-second; there is --cell-seconds")
stopped = (130, "")

# exercise 3: lesson_failed: expected the script to keep yesterday's app
unchanged = (0, "")
limit_broken = (1, "precision_at_capacity: expected at least 0.35; got 0.31")
lesson_failed = (0, "04_train.ipynb: cell 12: KeyError")
misspelt = (2, "no option --cell-second; there is --cell-seconds")
stopped = (130, "")

# exercise 3: no other night will understand that word
unchanged = (0, "")
limit_broken = (1, "precision_at_capacity: expected at least 0.35; got 0.31")
lesson_failed = (1, "04_train.ipynb: cell 12: KeyError")
misspelt = (1, "no option --cell-second; there is --cell-seconds")
stopped = (130, "")

# exercise 3: somebody wanted that, and nothing is broken
unchanged = (0, "")
limit_broken = (1, "precision_at_capacity: expected at least 0.35; got 0.31")
lesson_failed = (1, "04_train.ipynb: cell 12: KeyError")
misspelt = (2, "no option --cell-second; there is --cell-seconds")
stopped = (1, "stopped")

# exercise 3: nobody opens the one that matters
unchanged = (0, "done, with 3 warnings")
limit_broken = (1, "precision_at_capacity: expected at least 0.35; got 0.31")
lesson_failed = (1, "04_train.ipynb: cell 12: KeyError")
misspelt = (2, "no option --cell-second; there is --cell-seconds")
stopped = (130, "stopped")

# exercise 3: does not name .31, .35
unchanged = (0, "")
limit_broken = (1, "precision_at_capacity is below its floor")
lesson_failed = (1, "a lesson failed")
misspelt = (2, "unknown option")
stopped = (130, "stopped")
