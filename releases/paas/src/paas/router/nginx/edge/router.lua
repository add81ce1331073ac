-- What is done in each phase of a request.
local balancer = require "ngx.balancer"
local answers = require "edge.answers"
local balance = require "edge.balance"
local health = require "edge.health"
local identity = require "edge.identity"
local lines = require "edge.lines"
local metrics = require "edge.metrics"
local routes = require "edge.routes"
local settings = require "edge.settings"
local sticky = require "edge.sticky"

local method = ngx.req.get_method
local now = ngx.now
local format = string.format
local lower = string.lower
local match = string.match
local min = math.min

local M = {}

-- A request of these may not be sent twice: over a kept connection, which the app may be closing, it could not be known whether it was.
local ONCE = { POST = true, PATCH = true, LOCK = true }

local APP = "^(%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x):(%d+)$"

local function note(var, one)
    var.edge_app = one.app
    var.edge_instance = one.instance
    var.edge_index = one.index
    if one.tls then
        var.edge_san = one.san
    end
end

local function asked_for(pool, app, index)
    for _, one in ipairs(pool.list) do
        if one.app == app and one.index == index then
            return one
        end
    end
end

function M.access()
    local var = ngx.var
    var.edge_request_id = identity.new()
    local host = var.host
    local known = routes.of(host)
    if known.status ~= 200 then
        if not var.http_host then
            return answers.no_host()
        elseif known.status == 503 then
            return answers.not_ready()
        end
        return answers.unknown(host)
    end
    local all = known.routes
    local pool = all[1]
    if pool.path ~= "" then
        pool = routes.under(all, lower(var.uri))
        if not pool then
            return answers.unknown(host)
        end
    end
    if pool.count == 0 then
        return answers.nobody(host)
    end
    local time = now()
    local ctx = ngx.ctx
    local one
    local instance = var.http_x_cf_app_instance
    if instance then
        local app, index = match(lower(instance), APP)
        if not app then
            return answers.bad_instance()
        end
        one = asked_for(pool, app, index)
        if not one then
            return answers.no_instance(host, app, index)
        end
        ctx.only = true
    else
        local id = sticky.wanted(var)
        ctx.wanted = id
        one = id and balance.instance(pool, id, time) or balance.pick(pool, nil, time)
    end
    ctx.pool = pool
    ctx.one = one
    local once = ONCE[method()]
    if pool.tls then
        var.edge_upstream = once and "https://apps_tls_once" or "https://apps_tls"
    elseif once then
        var.edge_upstream = "http://apps_once"
    end
    note(var, one)
    if var.edge_request_start == "" then
        var.edge_request_start = format("%d", time * 1000)
    end
end

-- Of what nginx tells of all attempts, that of the last one; an attempt that has not begun yet leaves but a separator.
local function last(told)
    return told and match(told, "([^, ]+)[ ,:]*$")
end

-- Whether the last attempt ended before there was a connection; then nothing is wrong with the request, but with the endpoint.
local function unreached(var)
    return (last(var.upstream_connect_time) or "-") == "-"
end

function M.balance()
    local ctx = ngx.ctx
    local one = ctx.one
    local tried = ctx.tried
    if not tried then
        ctx.tried = { [one.address] = true }
        local more = ctx.only and 0 or min(settings.attempts, ctx.pool.count) - 1
        if more > 0 then
            balancer.set_more_tries(more)
        end
        if ngx.var.edge_connection == "upgrade" then
            balancer.set_timeouts(settings.connect_timeout, settings.web_socket_timeout, settings.web_socket_timeout)
        end
    else
        local var = ngx.var
        local _, code = balancer.get_last_failure()
        if unreached(var) then
            metrics.failure()
            balance.mark(one.address, now() + settings.failed_seconds)
        elseif code == 504 then
            return ngx.exit(504) -- it took the request, and has been given all its time
        end
        one = not ctx.only and balance.pick(ctx.pool, tried, now()) or one
        tried[one.address] = true
        ctx.one = one
        note(var, one)
        balancer.recreate_request()
    end
    local ok, err = balancer.set_current_peer(one.host, one.port)
    if not ok then
        ngx.log(ngx.ERR, "no peer: ", err)
        return ngx.exit(502)
    end
end

function M.header()
    local one = ngx.ctx.one
    local header = ngx.header
    if one then
        local wanted = ngx.ctx.wanted
        local elsewhere = wanted and wanted ~= one.instance
        local given = header["Set-Cookie"]
        if (given or elsewhere) and one.instance ~= "" then
            local cookies = sticky.cookies(given, one.instance, ngx.ctx.pool.path, elsewhere)
            if cookies then
                header["Set-Cookie"] = cookies
            end
        end
    end
    if health.draining() then
        header["Connection"] = "close"
    end
end

-- nginx has given up: the endpoint that was tried last could not be reached either.
function M.failed()
    local var = ngx.var
    local address = last(var.upstream_addr)
    if address and unreached(var) then
        metrics.failure()
        balance.mark(address, now() + settings.failed_seconds)
    end
    local status = ngx.status
    if status == 500 and last(var.upstream_status) == "504" then
        status = 504 -- a balancer's own end of a request is always a 500
    end
    return answers.failed(status)
end

function M.log()
    metrics.count(ngx.status)
    local var = ngx.var
    local app = var.edge_app
    if app ~= "" and settings.app_logs then
        lines.add(var, app)
    end
end

function M.begin()
    identity.begin()
    health.begin()
    metrics.begin()
    if settings.app_logs then
        lines.begin()
    end
end

return M
