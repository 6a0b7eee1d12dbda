# Wrong answers to lesson 09a, with a part of what a check says to each.

# exercise 1: row 1 has that mistake in two columns, and is one row
def count_rejected(problems):
    for problem in problems:
        REJECTED.labels(problem.reason).inc()

# exercise 1: row 2 is another one
def count_rejected(problems):
    for reason in {problem.reason for problem in problems}:
        REJECTED.labels(reason).inc()

# exercise 1: row 1 counts for each of its two reasons
def count_rejected(problems):
    for reason in {problem.row: problem.reason for problem in reversed(problems)}.values():
        REJECTED.labels(reason).inc()

# exercise 1: texts have as many as senders like
def count_rejected(problems):
    for _, reason, text in {(problem.row, problem.reason, problem.text) for problem in problems}:
        REJECTED.labels(f"{reason}: {text}").inc()

# exercise 2: in the night 'new release'
SIGNAL = "all but 200"
ABOVE = 0.05
MINUTES = 5

# exercise 2: how long it lasted
SIGNAL = "status 500 and above"
ABOVE = 0.05
MINUTES = 1

# exercise 2: in the night 'gone'; everybody slept until six
SIGNAL = "status 500"
ABOVE = 0.05
MINUTES = 5

# exercise 2: in the night 'half broken'; everybody slept until six
SIGNAL = "status 500 and above"
ABOVE = 0.5
MINUTES = 5

# exercise 2: the wait is longer than MINUTES says
SIGNAL = "status 500 and above"
ABOVE = 0.05
MINUTES = 15

# exercise 3: it quotes what somebody sent
class JsonLine(logging.Formatter):
    def format(self, record):
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)

# exercise 3: ends where it was raised
class JsonLine(logging.Formatter):
    def format(self, record):
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            kind, _, trace = record.exc_info
            place = traceback.extract_tb(trace)[0]
            line["error"] = f"{kind.__name__} in {Path(place.filename).name}, {place.name}"
        return json.dumps(line)

# exercise 3: a record keeps message and arguments apart
class JsonLine(logging.Formatter):
    def format(self, record):
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.msg}
        return json.dumps(line | getattr(record, "fields", {}))

# exercise 3: in UTC whatever the machine
class JsonLine(logging.Formatter):
    def format(self, record):
        moment = datetime.fromtimestamp(record.created).isoformat()
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}))

# exercise 3: not a name inside another
class JsonLine(logging.Formatter):
    def format(self, record):
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | {"fields": getattr(record, "fields", {})})

# exercise 3: programs read line by line
class JsonLine(logging.Formatter):
    def format(self, record):
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}), indent=2)
