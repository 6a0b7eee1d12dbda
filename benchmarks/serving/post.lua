-- wrk -s post.lua URL -- BODIES: one body a line, each sent in its turn; the figures as JSON.
function init(arguments)
  requests, at = {}, 0
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] =
      wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "not_2xx": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
