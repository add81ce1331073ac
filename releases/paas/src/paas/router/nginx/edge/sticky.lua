-- A client whose app keeps a session cookie stays with the instance that gave it.
local settings = require "edge.settings"

local find = string.find
local lower = string.lower
local match = string.match

local M = {}

local ID = "__VCAP_ID__"

-- The instance that a client was with, or nil.
function M.wanted(var)
    local id = var["cookie_" .. ID]
    if id then
        for _, name in ipairs(settings.sticky_cookies) do
            if var["cookie_" .. name] then
                return id
            end
        end
    end
end

-- The words that our cookie takes over from the app's.
local function attributes(cookie)
    local words, small = "", lower(cookie)
    local age = match(small, ";%s*max%-age=(%-?%d+)")
    if age and tonumber(age) <= 0 then
        words = words .. "; Max-Age=0"
    end
    local from, to = find(small, ";%s*expires=[^;]+")
    if from then
        words = words .. "; " .. match(cookie:sub(from, to), "^;%s*(.*)$")
    end
    local same = match(small, ";%s*samesite=(%a+)")
    if same then
        words = words .. "; SameSite=" .. same
    end
    if settings.secure_cookies or find(small, ";%s*secure%f[^%a]") then
        words = words .. "; Secure"
    end
    if find(small, ";%s*partitioned%f[^%a]") then
        words = words .. "; Partitioned"
    end
    return words
end

-- `given`: the app's Set-Cookie, a string, a table or nil. What has to be sent in its place, or nil where nothing changes.
function M.cookies(given, instance, path, elsewhere)
    local all = type(given) == "table" and given or { given }
    local session
    for _, cookie in ipairs(all) do
        local name = match(cookie, "^%s*([^=;%s]+)")
        if name == ID then
            return nil
        end
        for _, sticky in ipairs(settings.sticky_cookies) do
            session = session or (name == sticky and cookie)
        end
    end
    if not session and not elsewhere then
        return nil
    end
    local words = attributes(session or "")
    all[#all + 1] = ID .. "=" .. instance .. "; Path=" .. (path == "" and "/" or path) .. "; HttpOnly" .. words
    return all
end

return M
