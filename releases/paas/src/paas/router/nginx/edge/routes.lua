-- What the locator said of each host, kept for a moment, and for as long as the locator is away.
local json = require "cjson.safe"
local lru = require "resty.lrucache"
local semaphore = require "ngx.semaphore"
local locator = require "edge.locator"
local settings = require "edge.settings"

local now = ngx.now
local find = string.find
local sub = string.sub
local byte = string.byte

local M = {}

local HOSTS = 20000
local UNKNOWN_SECONDS = 0.25
local AWAY_SECONDS = 1
local SLASH = byte("/")

local cache = assert(lru.new(HOSTS))
local asked = {}
local away = 0

local function pool(route, before)
    local plain, secure = {}, {}
    for _, one in ipairs(route.endpoints) do
        one.host = find(one.host, ":", 1, true) and "[" .. one.host .. "]" or one.host
        one.address = one.host .. ":" .. one.port
        local list = one.tls and secure or plain
        list[#list + 1] = one
    end
    local made = { path = route.path, tls = #secure > 0, list = #secure > 0 and secure or plain }
    made.count = #made.list
    made.at = before and before.at or math.random(0, 1000)
    made.instances = {}
    for _, one in ipairs(made.list) do
        if one.instance ~= "" then
            made.instances[one.instance] = one
        end
    end
    return made
end

local function entry(answer, before)
    local made = { status = 200, seconds = settings.cache_seconds, routes = {} }
    local known = {}
    for _, one in ipairs(before and before.routes or {}) do
        known[one.path] = one
    end
    for index, route in ipairs(answer.routes) do
        made.routes[index] = pool(route, known[route.path])
    end
    return made
end

local function ask(host, before)
    local status, body = locator.ask("GET", "/lookup?host=" .. ngx.escape_uri(host))
    local answer = status == 200 and json.decode(body)
    if answer then
        return entry(answer, before)
    elseif status == 404 then
        return { status = 404, seconds = UNKNOWN_SECONDS, routes = {} }
    end
    if status ~= 503 then
        away = now() + AWAY_SECONDS
        ngx.log(ngx.WARN, "the locator does not answer: ", status or body)
    end
    if before and before.status == 200 then
        before.at = now()
        return before
    end
    return { status = 503, seconds = UNKNOWN_SECONDS, routes = {} }
end

local function refresh(host, before)
    local others = semaphore.new()
    asked[host] = others
    local ok, made = pcall(ask, host, before)
    asked[host] = nil
    if not ok then
        ngx.log(ngx.ERR, made)
        made = before or { status = 503, seconds = UNKNOWN_SECONDS, routes = {} }
    end
    made.at = now()
    cache:set(host, made)
    local waiting = -others:count()
    if waiting > 0 then
        others:post(waiting)
    end
    return made
end

-- What is known of a host: `status` 200, 404 or 503, and its `routes`.
function M.of(host)
    local known = cache:get(host)
    local time = now()
    if known then
        local age = time - known.at
        if age < known.seconds or (known.status == 200 and away > time) then
            return known
        end
        if asked[host] and age < 5 * known.seconds then
            return known
        end
    end
    local others = asked[host]
    if others then
        others:wait(2)
        known = cache:get(host)
        if known then
            return known
        end
    end
    return refresh(host, known)
end

-- The route that a path is under, of the routes of a host: they are sorted, the nearest first.
function M.under(routes, path)
    for index = 1, #routes do
        local prefix = routes[index].path
        local length = #prefix
        if length == 0 then
            return routes[index]
        end
        if sub(path, 1, length) == prefix then
            local after = byte(path, length + 1)
            if not after or after == SLASH then
                return routes[index]
            end
        end
    end
end

return M
