# Wrong answers to lesson 15d, with a part of what a check says to each.

# exercise 1: workers, 8 µs a row, a million rows
def estimate_run(costs, n_rows, workers):
    slowest = max(costs.feed, costs.size / costs.network, costs.work)
    return costs.start + n_rows * slowest

# exercise 1: the caller needs 1 µs a row, however many workers wait for it
def estimate_run(costs, n_rows, workers):
    slowest = max(costs.feed, costs.size / costs.network, costs.work) / workers
    return costs.start + n_rows * slowest

# exercise 1: 100 bytes a row at 10 million bytes a second
def estimate_run(costs, n_rows, workers):
    slowest = max(costs.feed, costs.work / workers)
    return costs.start + n_rows * slowest

# exercise 1: after 30 s of start
def estimate_run(costs, n_rows, workers):
    slowest = max(costs.feed, costs.size / costs.network, costs.work / workers)
    return max(costs.start, n_rows * slowest)

# exercise 2: planners: expected False
pays_for_planners = True
pays_for_images = True
pays_for_clicks = False
pays_for_tuning = False

# exercise 2: images: expected True
pays_for_planners = False
pays_for_images = False
pays_for_clicks = False
pays_for_tuning = False

# exercise 2: clicks: expected False
pays_for_planners = False
pays_for_images = True
pays_for_clicks = True
pays_for_tuning = False

# exercise 2: tuning: expected False
pays_for_planners = False
pays_for_images = True
pays_for_clicks = False
pays_for_tuning = True
