# Wrong answers to lesson 08c, with a part of what a check says to each.

# exercise 1: its rows would be lost
def explain(error):
    if isinstance(error, psycopg.OperationalError):
        return LogAway(str(error))
    return Refused(str(error)) if isinstance(error, psycopg.DataError) else LogError(str(error))

# exercise 1: it would fail again in every round
def explain(error):
    return Refused(str(error)) if isinstance(error, psycopg.DataError) else LogAway(str(error))

# exercise 1: which is answered with 422
def explain(error):
    kinds = psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError
    return LogAway(str(error)) if isinstance(error, kinds) else LogError(str(error))

# exercise 1: whoever runs the app has to see it
def explain(error):
    kinds = psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError
    if isinstance(error, kinds):
        return LogAway("the log's database is away")
    return Refused("refused") if isinstance(error, psycopg.DataError) else LogError("wrong")

# exercise 2: expected as many replicas in each of three zones
replicas = 4

# exercise 2: each is busy for 83% of its time
replicas = 6

# exercise 2: would keep the promise as well
replicas = 12
