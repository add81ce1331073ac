-- What the router was told, as a table; filled once, before workers are made.
local json = require "cjson.safe"

local M = {}

function M.load(path)
    local file = assert(io.open(path))
    local given = assert(json.decode(file:read("*a")))
    file:close()
    for key, value in pairs(given) do
        M[key] = value
    end
end

return M
