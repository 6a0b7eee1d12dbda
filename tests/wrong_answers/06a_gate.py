# Wrong answers to lesson 06a, with a part of what a check says to each.

# exercise 1: say nothing about late flights
def check_rows(counts):
    return Check(
        name="test rows", expected=f"at least {FEWEST_PER_LABEL} of each label",
        got=f"{sum(counts.values()):,}", passed=sum(counts.values()) >= FEWEST_PER_LABEL,
    )

# exercise 1: as 'at least' says
def check_rows(counts):
    rarest = min(counts, key=counts.get)
    return Check(
        name="test rows", expected=f"at least {FEWEST_PER_LABEL} of each label",
        got=f"{counts[rarest]:,} of {rarest}", passed=counts[rarest] > FEWEST_PER_LABEL,
    )

# exercise 1: nothing was tested there
def check_rows(counts):
    rarest = min((label for label in counts if counts[label]), key=counts.get)
    return Check(
        name="test rows", expected=f"at least {FEWEST_PER_LABEL} of each label",
        got=f"{counts[rarest]:,} of {rarest}", passed=counts[rarest] >= FEWEST_PER_LABEL,
    )

# exercise 1: which label decides
def check_rows(counts):
    enough = all(count >= FEWEST_PER_LABEL for count in counts.values())
    label = next(iter(counts))
    return Check(
        name="test rows", expected=f"at least {FEWEST_PER_LABEL} of each label",
        got=f"{counts[label]:,} of {label}", passed=enough,
    )

# exercise 2: north has not passed
may_serve = {"north": "serve", "south": "serve", "east": "wait",
             "west": "override: nobody else can answer from Monday on"}

# exercise 2: south passed every check
may_serve = {"north": "wait", "south": "wait", "east": "wait",
             "west": "override: nobody else can answer from Monday on"}

# exercise 2: so a model that is two points worse
may_serve = {"north": "wait", "south": "serve", "east": "wait", "west": "wait"}

# exercise 2: rows come in every day
may_serve = {"north": "wait", "south": "serve",
             "east": "override: the team worked on it for half a year",
             "west": "override: nobody else can answer from Monday on"}

# exercise 2: a reason that says something in a year
may_serve = {"north": "wait", "south": "serve", "east": "wait", "west": "override: urgent"}
