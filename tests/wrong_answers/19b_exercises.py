# Wrong answers to lesson 19b, with a part of what a check says to each.
