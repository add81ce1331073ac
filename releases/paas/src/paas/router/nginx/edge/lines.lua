-- Lines of the access log that belong to apps: gathered by each worker, handed to the locator twice a second.
local json = require "cjson.safe"
local locator = require "edge.locator"
local settings = require "edge.settings"

local now = ngx.now
local find = string.find
local format = string.format
local gsub = string.gsub
local sub = string.sub
local byte = string.byte

local M = {}

local EVERY = 0.5
local LONGEST = 1024
-- a locator that is away must not fill the worker's memory
local APPS = 5000

local apps = {}
local count = 0

local function hex(one)
    return format("\\x%02X", byte(one))
end

local function clean(text)
    if not text then
        return "-"
    end
    if #text > LONGEST then
        text = sub(text, 1, LONGEST) .. "..."
    end
    if find(text, '[%c"\\\128-\255]') then
        text = gsub(text, '[%c"\\\128-\255]', hex)
    end
    return text
end

local function line(var, app)
    local uri = var.request_uri
    if not settings.log_query then
        local mark = find(uri, "?", 1, true)
        uri = mark and sub(uri, 1, mark - 1) or uri
    end
    local error = var.edge_error
    return clean(var.http_host) .. " - [" .. var.time_iso8601 .. '] "' .. var.request_method .. " " .. clean(uri) .. " "
        .. var.server_protocol .. '" ' .. var.status .. " " .. var.request_length .. " " .. var.body_bytes_sent
        .. ' "' .. clean(var.http_referer) .. '" "' .. clean(var.http_user_agent) .. '" "' .. var.remote_addr .. ":"
        .. var.remote_port .. '" "' .. (var.upstream_addr or "-") .. '" x_forwarded_for:"'
        .. clean(var.proxy_add_x_forwarded_for) .. '" x_forwarded_proto:"' .. clean(var.edge_proto)
        .. '" vcap_request_id:"' .. var.edge_request_id .. '" response_time:' .. var.request_time .. ' app_id:"'
        .. app .. '" app_index:"' .. clean(var.edge_index) .. '" instance_id:"' .. clean(var.edge_instance)
        .. '" x_cf_routererror:"' .. (error == "" and "-" or error) .. '"'
end

function M.add(var, app)
    local known = apps[app]
    if not known then
        if count >= APPS then
            return
        end
        known = { app = app, lines = {}, count = 0, left = 0 }
        apps[app] = known
        count = count + 1
    end
    if known.count >= settings.app_lines_per_second * EVERY then
        known.left = known.left + 1
        return
    end
    known.count = known.count + 1
    known.lines[known.count] = { at = now(), text = line(var, app) }
end

local function flush()
    if count == 0 then
        return
    end
    local batch = {}
    for _, one in pairs(apps) do
        if one.left > 0 then
            one.lines[one.count + 1] = { at = now(), text = "and " .. one.left .. " more requests" }
        end
        batch[#batch + 1] = { app = one.app, lines = one.lines }
    end
    apps, count = {}, 0
    local status, err = locator.ask("POST", "/lines", json.encode(batch))
    if status ~= 204 then
        ngx.log(ngx.WARN, "lines of access are lost: ", status or err)
    end
end

function M.begin()
    assert(ngx.timer.every(EVERY, flush))
end

return M
