-- What wrk is told and what it tells: `wrk URL -- PLAN`, where PLAN is a file of Lua written by load.ts.
-- With several paths each request takes one at random. Ends with one line of JSON.

function init(args)
  local plan = dofile(args[1])
  wrk.method = plan.method
  for name, value in pairs(plan.headers) do wrk.headers[name] = value end
  if plan.body_file then
    local file = assert(io.open(plan.body_file, "rb"))
    wrk.body = file:read("*a")
    file:close()
  end
  requests = {}
  for _, path in ipairs(plan.paths) do
    requests[#requests + 1] = wrk.format(nil, path)
  end
  math.randomseed(plan.seed)
end

function request()
  if #requests == 1 then return requests[1] end
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests":%d,"us":%d,"refused":%d,"broken":%d,"p50Us":%d,"p99Us":%d}',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
