# Wrong answers to lesson 15c, with a part of what a check says to each.

# exercise 1: expected the keys 1 and 3
def page_sql(query, key, first):
    behind = "" if first else f" WHERE {key} > :last"
    return f"SELECT * FROM ({query}) AS source{behind} LIMIT :most"

# exercise 1: expected the keys 5 and 7, behind 3
def page_sql(query, key, first):
    behind = "" if first else f" WHERE {key} >= :last"
    return f"SELECT * FROM ({query}) AS source{behind} ORDER BY {key} LIMIT :most"

# exercise 1: must stay inside of its parentheses
def page_sql(query, key, first):
    behind = "" if first else f" AND {key} > :last"
    query = query.replace(" ORDER BY shop LIMIT 5", "")
    return f"{query}{behind} ORDER BY {key} LIMIT :most"

# exercise 1: also when record 1 has gone
def page_sql(query, key, first):
    behind = 0 if first else f"(SELECT count(*) FROM ({query}) AS source WHERE {key} <= :last)"
    behind = behind if first else "2"
    return f"SELECT * FROM ({query}) AS source ORDER BY {key} LIMIT :most OFFSET {behind}"

# exercise 2: two records would share one score
key_of_orders = "customer"
key_of_patients = "case"
key_of_sensors = "tag"

# exercise 2: a record without a key has no score
key_of_orders = "order"
key_of_patients = "case"
key_of_sensors = "serial"

# exercise 2: a score of yesterday would belong to another record
key_of_orders = "row"
key_of_patients = "case"
key_of_sensors = "tag"

# exercise 2: place of the same records was
key_of_orders = "order"
key_of_patients = "case"
key_of_sensors = "place"
