-- Ids of requests: UUIDs of version 4 in form; each worker begins at random and counts on.
local byte = string.byte
local format = string.format

local M = {}

local prefix
local count = 0

function M.begin()
    local source = assert(io.open("/dev/urandom", "rb"))
    local a, b, c, d, e, f, g, h, i, j = byte(source:read(10), 1, 10)
    source:close()
    prefix = format("%02x%02x%02x%02x-%02x%02x-4%02x%x-%x%02x%x-", a, b, c, d, e, f, g, h % 16, 8 + i % 4, j, i % 16)
    count = math.floor(math.random() * 2 ^ 40)
end

function M.new()
    count = count + 1
    return format("%s%012x", prefix, count)
end

return M
