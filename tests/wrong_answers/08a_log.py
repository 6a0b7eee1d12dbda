# Wrong answers to lesson 08a, with a part of what a check says to each.

# exercise 1: the first telling counts
class LabelError(ValueError):
    pass


class UnknownPrediction(LabelError):
    pass


class LabelConflict(LabelError):
    pass


def label_log(log, id, label):
    sql = "update predictions set label = ?, labelled_at = ? where id = ?"
    if not log.execute(sql, (label, time.time(), id)).rowcount:
        raise UnknownPrediction(f"prediction {id}: unknown")


# exercise 1: between looking and changing there must be no gap
class LabelError(ValueError):
    pass


class UnknownPrediction(LabelError):
    pass


class LabelConflict(LabelError):
    pass


def label_log(log, id, label):
    found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
    if found is None:
        raise UnknownPrediction(f"prediction {id}: unknown")
    if found[0] is None:
        sql = "update predictions set label = ?, labelled_at = ? where id = ?"
        log.execute(sql, (label, time.time(), id))
    elif found[0] != label:
        raise LabelConflict(f"prediction {id}: {found[0]} before, {label} now")


# exercise 1: a line that was not changed is not a line that is not there
class LabelError(ValueError):
    pass


class UnknownPrediction(LabelError):
    pass


class LabelConflict(LabelError):
    pass


def label_log(log, id, label):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    if not log.execute(sql, (label, time.time(), id)).rowcount:
        raise UnknownPrediction(f"prediction {id}: unknown")


# exercise 1: systems repeat themselves, and that is no conflict
class LabelError(ValueError):
    pass


class UnknownPrediction(LabelError):
    pass


class LabelConflict(LabelError):
    pass


def label_log(log, id, label):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    if not log.execute(sql, (label, time.time(), id)).rowcount:
        found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
        if found is None:
            raise UnknownPrediction(f"prediction {id}: unknown")
        raise LabelConflict(f"prediction {id}: {found[0]} before, {label} now")


# exercise 1: so ask how many lines it changed
class LabelError(ValueError):
    pass


class UnknownPrediction(LabelError):
    pass


class LabelConflict(LabelError):
    pass


def label_log(log, id, label):
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    log.execute(sql, (label, time.time(), id))


# exercise 1: is the transaction at its end
class LabelError(ValueError):
    pass


class UnknownPrediction(LabelError):
    pass


class LabelConflict(LabelError):
    pass


def label_log(log, id, label):
    log.execute("begin immediate")
    found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
    if found is None:
        raise UnknownPrediction(f"prediction {id}: unknown")
    if found[0] not in (None, label):
        raise LabelConflict(f"prediction {id}: {found[0]} before, {label} now")
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    log.execute(sql, (label, time.time(), id))


# exercise 2: What is lacking is not like what is there
wait = 4

# exercise 2: in the worst hour the page shows
wait = 6

# exercise 2: for nobody can move a crew the day before
wait = 24
