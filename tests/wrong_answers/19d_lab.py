# Wrong answers to lesson 19d, with a part of what a check says to each.

# exercise 1: a port that is written down can be had once
board = {
    "command": ["python", "board.py", "--host", "127.0.0.1", "--port", "9000"],
    "new_browser_tab": False,
    "update_last_activity": False,
}

# exercise 1: whoever reaches that address gets in without Jupyter's login
board = {
    "command": ["python", "board.py", "--host=0.0.0.0", "--port={port}"],
    "new_browser_tab": False,
    "update_last_activity": False,
}

# exercise 1: each request counts as somebody's work
board = {
    "command": ["python", "board.py", "--host", "localhost", "--port", "{port}"],
    "new_browser_tab": False,
}

# exercise 1: a window of its own
board = {
    "command": ["python", "board.py", "--port", "{port}", "--host", "::1"],
    "update_last_activity": False,
}

# exercise 2: the first rule of a name holds
def allow_frame(policy: str) -> str:
    return policy + "; frame-ancestors 'self'"

# exercise 2: the rule about scripts and styles is lost
def allow_frame(policy: str) -> str:
    return "frame-ancestors 'self'"

# exercise 2: the same word can stand in several rules
def allow_frame(policy: str) -> str:
    return policy.replace("'none'", "'self'")

# exercise 2: expected frames from the page's own address alone
def allow_frame(policy: str) -> str:
    rules = [rule for rule in policy.split("; ") if not rule.startswith("frame-ancestors")]
    return "; ".join([*rules, "frame-ancestors *"])

# exercise 2: names come in capitals too
def allow_frame(policy: str) -> str:
    rules = [rule.strip() for rule in policy.split(";") if rule.strip()]
    rules = [rule for rule in rules if not rule.startswith("frame-ancestors")]
    return "; ".join([*rules, "frame-ancestors 'self'"])

# exercise 2: a page without a rule about frames lets everybody frame it
def allow_frame(policy: str) -> str:
    rules = [rule.split() for rule in policy.split(";") if rule.strip()]
    return "; ".join(
        "frame-ancestors 'self'" if name.lower() == "frame-ancestors" else " ".join([name, *values])
        for name, *values in rules
    )
