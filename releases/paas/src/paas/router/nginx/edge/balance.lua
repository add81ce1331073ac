-- Which endpoint takes a request: in turn, those that failed a moment ago last.
local M = {}

local failed = {}

-- `tried`: addresses that this request has tried, or nil. Nil when all were.
function M.pick(pool, tried, time)
    local list, count, last = pool.list, pool.count, nil
    for _ = 1, count do
        local at = pool.at % count + 1
        pool.at = at
        local one = list[at]
        local address = one.address
        if not (tried and tried[address]) then
            local till = failed[address]
            if not till then
                return one
            elseif till <= time then
                failed[address] = nil
                return one
            end
            last = last or one
        end
    end
    return last
end

-- The endpoint of an instance, unless it failed a moment ago.
function M.instance(pool, id, time)
    local one = pool.instances[id]
    if one and (failed[one.address] or 0) <= time then
        return one
    end
end

function M.mark(address, till)
    failed[address] = till
end

return M
