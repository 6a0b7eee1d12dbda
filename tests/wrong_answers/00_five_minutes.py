# Wrong answers to lesson 00, with a part of what a check says to each.

# exercise 1: nothing against row 2
refused = [flight | {"distance": 60_000}, flight | {"carrier": "NK"}, flight | {"origin": "???", "distance": None}]
unnoticed = flight | {"departs_at": "2013-07-05T03:30:00-04:00"}

# exercise 1: expected mistakes in three different columns
refused = [flight | {"distance": 60_000}, flight | {"distance": -5}, flight | {"distance": "far"}]
unnoticed = flight | {"departs_at": "2013-07-05T03:30:00-04:00"}

# exercise 1: expected one mistake in each row
refused = [{"distance": 719}, flight | {"distance": -5}, flight | {"distance": "far"}]
unnoticed = flight | {"origin": "LGA", "carrier": "HA"}

# exercise 1: the app refuses it and says: row 1: distance
refused = [flight | {"distance": 60_000}, flight | {"departs_at": "soon"}, flight | {"meal": "none"}]
unnoticed = flight | {"distance": 9_000}

# exercise 1: expected no warning
refused = [flight | {"distance": 60_000}, flight | {"departs_at": "soon"}, flight | {"meal": "none"}]
unnoticed = flight | {"carrier": "NK"}

# exercise 1: expected a flight that cannot be
refused = [flight | {"distance": 60_000}, flight | {"departs_at": "soon"}, flight | {"meal": "none"}]
unnoticed = flight | {"distance": 1_000}

# exercise 2: expected the decision act; got leave
worth_it = {"departs_at": "2013-07-05T08:00:00-04:00", "origin": "LGA", "carrier": "EV", "distance": 719}
left_out = worth_it | {"carrier": "DL"}

# exercise 2: expected a departure from LGA
worth_it = {"departs_at": "2013-07-05T18:30:00-04:00", "origin": "EWR", "carrier": "EV", "distance": 719}
left_out = worth_it | {"carrier": "DL"}

# exercise 2: a dispatcher knows without a model
worth_it = {"departs_at": "2013-07-05T18:30:00-04:00", "origin": "LGA", "carrier": "EV", "distance": 719}
left_out = worth_it | {"departs_at": "2013-07-05T08:30:00-04:00"}

# exercise 2: with two, who was it
worth_it = {"departs_at": "2013-07-05T18:30:00-04:00", "origin": "LGA", "carrier": "EV", "distance": 719}
left_out = worth_it | {"carrier": "DL", "distance": 762}

# exercise 2: expected one of LaGuardia's airlines
worth_it = {"departs_at": "2013-07-05T18:30:00-04:00", "origin": "LGA", "carrier": "EV", "distance": 719}
left_out = worth_it | {"carrier": "HA"}
