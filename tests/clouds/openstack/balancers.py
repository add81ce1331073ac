"""A stand-in for octavia: pools and members over HTTP, entered in the lab's real catalogue.

The real one makes its balancers of VMs that must run, and the lab's do not. What is kept to is its API as far as a CPI meets it:
listing with filters, members of pools, 401 without a token, and 409 while a balancer is at work on its last change.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
import uuid
from urllib.parse import parse_qsl, urlsplit

BUSY = 0.6
"""Seconds that a balancer works on a change."""


class Balancers:
    """`pools`: name -> id, each with a balancer of its own. `members`: pool's id -> members."""

    def __init__(self, tenant, *names: str) -> None:
        self.pools = {name: str(uuid.uuid4()) for name in names}
        self.members: dict[str, list[dict[str, object]]] = {pool: [] for pool in self.pools.values()}
        self.refusals = 0
        self._busy = dict.fromkeys(self.pools.values(), 0.0)
        self._lock = threading.Lock()
        mine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                if not self.headers.get("X-Auth-Token"):
                    status, answer = 401, {"faultstring": "The request you have made requires authentication."}
                else:
                    with mine._lock:
                        status, answer = mine._answer(self.command, self.path, body)
                data = json.dumps(answer).encode() if status != 204 else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("x-openstack-request-id", f"req-{uuid.uuid4()}")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_DELETE = do_GET

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        identity = tenant.admin.identity
        self._service = identity.create_service(name=f"{tenant.name}-balancers", type="load-balancer")
        url = f"http://127.0.0.1:{self._server.server_address[1]}/load-balancer"
        identity.create_endpoint(service_id=self._service.id, interface="public", url=url, region_id="RegionOne")
        self._identity = identity

    def close(self) -> None:
        self._identity.delete_service(self._service)  # with its endpoint
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, method: str, path: str, body: dict[str, dict[str, object]]) -> tuple[int, dict[str, object]]:
        parts = urlsplit(path)
        found = re.fullmatch(r"/load-balancer/v2/lbaas/pools(?:/([^/]+)/members(?:/([^/]+))?)?", parts.path)
        if found is None:
            return 404, {"faultstring": f"no such resource: {parts.path}"}
        pool, member = found.groups()
        if pool is None:
            return 200, {"pools": [{"id": one, "name": name} for name, one in self.pools.items()], "pools_links": []}
        if pool not in self.members:
            return 404, {"faultstring": f"Pool {pool} not found."}
        if method == "GET":
            wanted = dict(parse_qsl(parts.query))
            listed = [
                one for one in self.members[pool] if all(str(one.get(key)) == value for key, value in wanted.items())
            ]
            return 200, {"members": listed, "members_links": []}
        if time.monotonic() < self._busy[pool]:
            self.refusals += 1
            return 409, {"faultstring": f"Load Balancer {pool} is immutable and cannot be updated."}
        self._busy[pool] = time.monotonic() + BUSY
        if method == "POST":
            made = {"id": str(uuid.uuid4()), **body["member"]}
            self.members[pool].append(made)
            return 201, {"member": made}
        left = [one for one in self.members[pool] if one["id"] != member]
        gone = len(left) < len(self.members[pool])
        self.members[pool] = left
        return (204, {}) if gone else (404, {"faultstring": f"member {member} not found"})
