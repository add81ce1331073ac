-- The router's own answers; their words and header are those that clients of the platform know.
local M = {}

local TITLES = {
    [400] = "400 Bad Request",
    [404] = "404 Not Found",
    [413] = "413 Request Entity Too Large",
    [500] = "500 Internal Server Error",
    [502] = "502 Bad Gateway",
    [503] = "503 Service Unavailable",
    [504] = "504 Gateway Timeout",
}

local function answer(status, error, words)
    ngx.status = status
    ngx.var.edge_error = error
    local header = ngx.header
    header["X-Cf-RouterError"] = error
    header["Cache-Control"] = "no-cache, no-store"
    header["X-Content-Type-Options"] = "nosniff"
    header["Content-Type"] = "text/plain; charset=utf-8"
    if status == 503 then
        header["Retry-After"] = "5"
    end
    local body = TITLES[status] .. ": " .. words .. "\n"
    header["Content-Length"] = #body
    ngx.print(body)
    return ngx.exit(ngx.HTTP_OK)
end

function M.no_host()
    return answer(400, "empty_host", "Request had empty Host header")
end

function M.bad_instance()
    return answer(400, "invalid_cf_app_instance_header", "Invalid X-CF-App-Instance Header")
end

function M.no_instance(host, app, index)
    return answer(400, "unknown_route", "Requested instance ('" .. index .. "') with guid ('" .. app
        .. "') does not exist for route ('" .. host .. "')")
end

function M.unknown(host)
    return answer(404, "unknown_route", "Requested route ('" .. host .. "') does not exist.")
end

function M.nobody(host)
    return answer(503, "no_endpoints", "Requested route ('" .. host .. "') has no available endpoints.")
end

function M.not_ready()
    return answer(503, "router_not_ready", "this router does not know its routes yet; try again in a moment.")
end

-- nginx itself has ended the request: no endpoint took it, or it was too large.
function M.failed(status)
    if status == 413 then
        return answer(413, "request_too_large", "the request's body is larger than this router lets through.")
    end
    if status == 500 then
        return answer(500, "router_failure", "the router itself has failed; its log says why.")
    end
    return answer(status, "endpoint_failure", "Registered endpoint failed to handle the request.")
end

return M
