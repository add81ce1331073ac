"""The router: nginx with Lua, and the locator of upstreams that it asks."""
