# Wrong answers to lesson 08, with a part of what a check says to each.

# exercise 1: the first report counts
def write_labels(log, labels):
    sql = "update predictions set label = ?, labelled_at = ? where id = ?"
    with log:
        for id, label in labels:
            if not log.execute(sql, (label, time.time(), id)).rowcount:
                raise UnknownPrediction(f"prediction {id}: unknown")


# exercise 1: between looking and changing there must be no gap
def write_labels(log, labels):
    with log:
        for id, label in labels:
            found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
            if found is None:
                raise UnknownPrediction(f"prediction {id}: unknown")
            if found[0] is None:
                sql = "update predictions set label = ?, labelled_at = ? where id = ?"
                log.execute(sql, (label, time.time(), id))
            elif found[0] != label:
                raise LabelConflict(f"prediction {id}: {found[0]} before, {label} now")


# exercise 1: a line that was not changed is not a line that is not there
def write_labels(log, labels):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    with log:
        for id, label in labels:
            if not log.execute(sql, (label, time.time(), id)).rowcount:
                raise UnknownPrediction(f"prediction {id}: unknown")


# exercise 1: systems repeat themselves, and that is no conflict
def write_labels(log, labels):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    with log:
        for id, label in labels:
            if not log.execute(sql, (label, time.time(), id)).rowcount:
                found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
                if found is None:
                    raise UnknownPrediction(f"prediction {id}: unknown")
                raise LabelConflict(f"prediction {id}: {found[0]} before, {label} now")


# exercise 1: so ask how many lines it changed
def write_labels(log, labels):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    with log:
        for id, label in labels:
            log.execute(sql, (label, time.time(), id))


# exercise 1: is the transaction at its end
def write_labels(log, labels):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    for id, label in labels:
        if log.execute(sql, (label, time.time(), id)).rowcount:
            continue
        found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
        if found is None:
            raise UnknownPrediction(f"prediction {id}: unknown")
        if found[0] != label:
            raise LabelConflict(f"prediction {id}: {found[0]} before, {label} now")


# exercise 1: one transaction holds the whole list
def write_labels(log, labels):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    for id, label in labels:
        with log:
            if log.execute(sql, (label, time.time(), id)).rowcount:
                continue
        found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
        if found is None:
            raise UnknownPrediction(f"prediction {id}: unknown")
        if found[0] != label:
            raise LabelConflict(f"prediction {id}: {found[0]} before, {label} now")


# exercise 2: What is lacking is not like what is there
wait = 4

# exercise 2: in the worst hour the page shows
wait = 6

# exercise 2: for nobody can move a crew the day before
wait = 24
