-- Figures for Prometheus: each worker counts by itself and adds to the common ones once a second.
local locator = require "edge.locator"

local floor = math.floor

local M = {}

local EVERY = 1
local FAILURES = "failures"

local known = ngx.shared.edge
local responses = { 0, 0, 0, 0, 0 }
local failures = 0

function M.count(status)
    local class = floor(status / 100)
    responses[class] = (responses[class] or 0) + 1
end

-- An endpoint could not be reached.
function M.failure()
    failures = failures + 1
end

local function flush()
    for class, count in pairs(responses) do
        if count > 0 then
            known:incr("responses" .. class, count, 0)
            responses[class] = 0
        end
    end
    if failures > 0 then
        known:incr(FAILURES, failures, 0)
        failures = 0
    end
end

function M.begin()
    assert(ngx.timer.every(EVERY, flush))
end

function M.answer()
    flush()
    ngx.header["Content-Type"] = "text/plain; version=0.0.4"
    ngx.say("# TYPE router_responses_total counter")
    for class = 1, 5 do
        ngx.say('router_responses_total{class="', class, 'xx"} ', known:get("responses" .. class) or 0)
    end
    ngx.say("# TYPE router_endpoint_failures_total counter\nrouter_endpoint_failures_total ", known:get(FAILURES) or 0)
    ngx.say("# TYPE router_connections gauge\nrouter_connections ", ngx.var.connections_active)
    local status, text = locator.ask("GET", "/metrics")
    ngx.say("# TYPE router_locator_up gauge\nrouter_locator_up ", status == 200 and 1 or 0)
    if status == 200 then
        ngx.print(text)
    end
end

return M
