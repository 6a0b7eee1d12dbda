# Wrong answers to lesson 09d, with a part of what a check says to each.

# exercise 1: nobody has looked at decay
def choose_headline(findings):
    for kind in ORDER:
        if any(each.kind == kind and each.state == "alarm" for each in findings):
            return "alarm", HEADLINES[kind]
    return "well", HEADLINES["well"]

# exercise 1: labels are the proof
def choose_headline(findings):
    for finding in findings:
        if finding.state == "alarm":
            return "alarm", HEADLINES[finding.kind]
    state = "well" if all(finding.state == "well" for finding in findings) else "unknown"
    return state, HEADLINES[state]

# exercise 1: what is broken makes the
def choose_headline(findings):
    for kind in ("decay", "broken", "drift"):
        if any(each.kind == kind and each.state == "alarm" for each in findings):
            return "alarm", HEADLINES[kind]
    state = "well" if all(finding.state == "well" for finding in findings) else "unknown"
    return state, HEADLINES[state]

# exercise 2: would call somebody
minutes_broken = 1
minutes_drift = 720
minutes_decay = 720

# exercise 2: decisions are taken on broken data
minutes_broken = 720
minutes_drift = 720
minutes_decay = 720

# exercise 2: nobody mends a model at three
minutes_broken = 15
minutes_drift = 15
minutes_decay = 15

# exercise 2: a week later the next verdict is there
minutes_broken = 15
minutes_drift = 20000
minutes_decay = 20000
