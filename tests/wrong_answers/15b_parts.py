# Wrong answers to lesson 15b, with a part of what a check says to each.

# exercise 1: expected one part where 1 bytes are missing
def read_done(text, head):
    lines = text.splitlines(keepends=True)
    if lines[:1] != [write_line(head)]:
        return [], 0
    done, length = [], len(lines[0])
    for line in lines[1:]:
        try:
            found = msgspec.json.decode(line, type=Line)
        except ValueError:
            break
        if found.part != len(done):
            break
        done.append(found.counts)
        length += len(line)
    return done, length

# exercise 1: the next line would be written behind half of one
def read_done(text, head):
    lines = text.splitlines(keepends=True)
    if lines[:1] != [write_line(head)]:
        return [], 0
    done = []
    for line in lines[1:]:
        try:
            found = msgspec.json.decode(line, type=Line)
        except ValueError:
            break
        if found.part != len(done) or not line.endswith(b"\n"):
            break
        done.append(found.counts)
    return done, len(text)

# exercise 1: because the artifact is another one
def read_done(text, head):
    lines = text.splitlines(keepends=True)
    done, length = [], len(lines[0]) if lines else 0
    for line in lines[1:]:
        try:
            found = msgspec.json.decode(line, type=Line)
        except ValueError:
            break
        if found.part != len(done) or not line.endswith(b"\n"):
            break
        done.append(found.counts)
        length += len(line)
    return done, length

# exercise 1: expected no part behind
def read_done(text, head):
    lines = text.splitlines(keepends=True)
    if lines[:1] != [write_line(head)]:
        return [], 0
    done, length = [], len(lines[0])
    for line in lines[1:]:
        try:
            found = msgspec.json.decode(line, type=Line)
        except ValueError:
            continue
        if line.endswith(b"\n"):
            done.append(found.counts)
            length += len(line)
    return done, length

# exercise 2: 300,000 records would be scored again
power_cut = False
promotion = False
larger_batches = False
late_file = False
rejects_allowed = False

# exercise 2: two models decide in one table
power_cut = True
promotion = True
larger_batches = False
late_file = False
rejects_allowed = False

# exercise 2: records are in no part
power_cut = True
promotion = False
larger_batches = True
late_file = False
rejects_allowed = False

# exercise 2: d is in the output twice
power_cut = True
promotion = False
larger_batches = False
late_file = True
rejects_allowed = False

# exercise 2: without reading them
power_cut = True
promotion = False
larger_batches = False
late_file = False
rejects_allowed = True
