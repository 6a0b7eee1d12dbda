# Wrong answers to lesson 12a, with a part of what a check says to each.

# exercise 1: expected a, b, c; got ['a', 'b', 'b', 'c']
def merge_tables(stored, fresh):
    return pa.concat_tables([stored, fresh], promote_options="default").sort_by("id")

# exercise 1: the log keeps rows for ninety days
def merge_tables(stored, fresh):
    return fresh.sort_by("id")

# exercise 1: expected the log's label 'on time', once
def merge_tables(stored, fresh):
    known = pc.is_in(fresh["id"], value_set=stored["id"].combine_chunks())
    both = [stored, fresh.filter(pc.invert(known))]
    return pa.concat_tables(both, promote_options="default").sort_by("id")

# exercise 1: expected the order of the ids both times
def merge_tables(stored, fresh):
    known = pc.is_in(stored["id"], value_set=fresh["id"].combine_chunks())
    both = [stored.filter(pc.invert(known)), fresh]
    return pa.concat_tables(both, promote_options="default")

# exercise 1: Schema at index 1 was different
def merge_tables(stored, fresh):
    known = pc.is_in(stored["id"], value_set=fresh["id"].combine_chunks())
    return pa.concat_tables([stored.filter(pc.invert(known)), fresh]).sort_by("id")

# exercise 2: killed after its second step and run again, the file holds []
outcomes = {"delete first": "nothing", "add first": "twice", "merge": "nothing"}

# exercise 2: killed after its second step and run again, the file holds [7, 7]
outcomes = {"delete first": "lost", "add first": "nothing", "merge": "nothing"}

# exercise 2: merge: got 'twice'
outcomes = {"delete first": "lost", "add first": "twice", "merge": "twice"}
