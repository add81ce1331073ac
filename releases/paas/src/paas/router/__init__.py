"""The router's locator of upstreams, and the registrar of the platform's own routes."""
