-- Whether a load balancer may send clients here.
local locator = require "edge.locator"
local settings = require "edge.settings"

local M = {}

local EVERY = 0.5

local draining = false
local known = ngx.shared.edge

local function look()
    local file = settings.drain_file ~= "" and io.open(settings.drain_file)
    draining = file and true or false
    if file then
        file:close()
    end
end

function M.begin()
    look()
    assert(ngx.timer.every(EVERY, look))
end

function M.draining()
    return draining
end

local function fitness()
    look()
    if draining then
        return "draining"
    end
    local status = locator.ask("GET", "/healthz")
    if status == 200 then
        known:set("ready", true)
    elseif not known:get("ready") then
        return status == 503 and "not every endpoint had time to register" or "the locator does not answer"
    end
    -- without its locator a router that was ready goes on with what it knows
end

function M.answer()
    local unfit = fitness()
    ngx.status = unfit and 503 or 200
    ngx.header["Content-Type"] = "text/plain; charset=utf-8"
    ngx.header["Cache-Control"] = "private, max-age=0"
    ngx.say(unfit or "ok")
end

return M
