-- Questions to the locator over its unix socket.
local settings = require "edge.settings"

local tcp = ngx.socket.tcp
local match = string.match
local lower = string.lower

local M = {}

local TIMEOUT = 1000
-- the locator lets go of an idle connection after five seconds
local IDLE = 4000
local KEPT = 16

local function exchange(method, path, body)
    local socket = tcp()
    socket:settimeouts(TIMEOUT, TIMEOUT, TIMEOUT)
    local ok, err = socket:connect("unix:" .. settings.socket)
    if not ok then
        return nil, err
    end
    local reused = (socket:getreusedtimes() or 0) > 0
    local head = method .. " " .. path .. " HTTP/1.1\r\nHost: locator\r\n"
    if body then
        head = head .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n"
    end
    ok, err = socket:send(head .. "\r\n" .. (body or ""))
    local line
    if ok then
        line, err = socket:receive("*l")
    end
    if not line then
        socket:close()
        return nil, err, reused and err ~= "timeout"
    end
    local status = tonumber(match(line, "^HTTP/1%.1 (%d%d%d)"))
    local length = 0
    while line and line ~= "" do
        line, err = socket:receive("*l")
        local value = line and match(lower(line), "^content%-length: *(%d+)")
        length = value and tonumber(value) or length
    end
    local answer
    if line then
        answer, err = "", nil
        if length > 0 then
            answer, err = socket:receive(length)
        end
    end
    if not status or not answer then
        socket:close()
        return nil, err or "malformed answer"
    end
    socket:setkeepalive(IDLE, KEPT)
    return status, answer
end

-- Status and body, or nil and the error.
function M.ask(method, path, body)
    local status, answer, again = exchange(method, path, body)
    if again then
        status, answer = exchange(method, path, body)
    end
    return status, answer
end

return M
