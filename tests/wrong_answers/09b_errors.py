# Wrong answers to lesson 09b, with a part of what a check says to each.

# exercise 1: the exception's message may hold anything
def describe_error(error, request_id):
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        log.error("mistake of ours", exc_info=error, extra={"fields": {"request_id": request_id}})
        status, detail = 500, str(error)
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


# exercise 1: whoever repairs it needs the place
def describe_error(error, request_id):
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        status, detail = 500, "the app made a mistake"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


# exercise 1: by it the answer and the line belong together
def describe_error(error, request_id):
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        log.error("mistake of ours", exc_info=error)
        status, detail = 500, "the app made a mistake"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


# exercise 1: anybody could fill the log and wake somebody
def describe_error(error, request_id):
    log.error("mistake", exc_info=error, extra={"fields": {"request_id": request_id}})
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        status, detail = 500, "the app made a mistake"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


# exercise 1: UnknownPrediction: expected status 404; got 503
def describe_error(error, request_id):
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError):
        status, detail = 422, str(error)
    elif isinstance(error, ArtifactError | LogError):
        status, detail = 503, str(error)
    else:
        log.error("mistake of ours", exc_info=error, extra={"fields": {"request_id": request_id}})
        status, detail = 500, "the app made a mistake"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


# exercise 1: need not come back with every row
def describe_error(error, request_id):
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        log.error("mistake of ours", exc_info=error, extra={"fields": {"request_id": request_id}})
        status, detail = 500, "the app made a mistake"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


# exercise 1: expected 250 problems beside the title; got 100
def describe_error(error, request_id):
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        log.error("mistake of ours", exc_info=error, extra={"fields": {"request_id": request_id}})
        status, detail = 500, "the app made a mistake"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(errors), "errors": errors}
    return status, problem


# exercise 1: more refused rows in the metrics; got 0
def describe_error(error, request_id):
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        log.error("mistake of ours", exc_info=error, extra={"fields": {"request_id": request_id}})
        status, detail = 500, "the app made a mistake"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


# exercise 2: somebody's name is in there
SHOWN_FACTS = ["status", "title", "sentence", "request_id", "error"]

# exercise 2: is what an attacker looks up
SHOWN_FACTS = ["status", "title", "sentence", "request_id", "place", "server"]

# exercise 2: several requests have the same second
SHOWN_FACTS = ["status", "title", "sentence", "time", "route", "version"]

# exercise 2: numbers and ids are for looking up
SHOWN_FACTS = ["status", "title", "request_id"]
