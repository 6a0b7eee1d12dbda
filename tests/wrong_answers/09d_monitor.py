# Wrong answers to lesson 09d, with a part of what a check says to each.

# exercise 1: the job has died, and nobody knows
def check_age(document, now):
    return document

# exercise 1: what is sent to /metrics comes from them
def check_age(document, now):
    if now - document.at <= 2 * 86_400 * PERIOD[document.watch]:
        return document
    return msgspec.structs.replace(document, state="unknown", headline=TOO_OLD)

# exercise 1: how many days has a period?
def check_age(document, now):
    if now - document.at <= 14 * 86_400:
        return document
    findings = [finding | {"state": "unknown", "since": ""} for finding in document.findings]
    return msgspec.structs.replace(document, state="unknown", headline=TOO_OLD, findings=findings)

# exercise 1: expected the document as it is
def check_age(document, now):
    findings = [finding | {"state": "unknown", "since": ""} for finding in document.findings]
    return msgspec.structs.replace(document, state="unknown", headline=TOO_OLD, findings=findings)

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
