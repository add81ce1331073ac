"""Bytes to vCenter and its hosts over HTTPS: datastore files, uploads of a lease, the REST API."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from typing import IO, Any

from pyVmomi import vim

from cpi.contract import CloudError, Facts
from cpi.vsphere.errors import AnswerLost
from cpi.vsphere.inventory import Place

REST_TIMEOUT = 60.0
UNAUTHORIZED, TOO_MANY, SERVER_ERROR = 401, 429, 500


def put_file(place: Place, store: str, path: str, data: bytes) -> None:
    """Write a file on a datastore."""
    query = urllib.parse.urlencode({"dcPath": place.roots["path"], "dsName": store})
    target = f"/folder/{urllib.parse.quote(path)}?{query}"

    def put(_content: Any) -> int:
        headers = {"Cookie": place.session.cookie(), "Content-Type": "application/octet-stream"}
        status = _send(place, "PUT", place.config.host, place.config.port, target, data, headers)[0]
        if status == UNAUTHORIZED:
            raise vim.fault.NotAuthenticated()
        if status >= SERVER_ERROR or status == TOO_MANY:
            raise http.client.HTTPException(f"{status} for {target.partition('?')[0]}")
        return status

    status = place.session.ask(place.call, put)  # the same bytes again do no harm
    if status not in (200, 201, 204):
        raise CloudError(f"write [{store}] {path}: vCenter answers {status}", facts=place.facts())


def put_stream(place: Place, url: str, source: IO[bytes], size: int) -> None:
    """Upload a disk to the URL of a lease; a `*` stands for vCenter's own address."""
    parts = urllib.parse.urlsplit(url)
    own = parts.hostname in (None, "*")
    host = place.config.host if own else str(parts.hostname)
    port = parts.port or (place.config.port if own else 443)
    headers = {"Content-Type": "application/x-vnd.vmware-streamVmdk", "Content-Length": str(size)}
    try:
        status, told = _send(place, "PUT", host, port, parts.path, source, headers)
    except (OSError, http.client.HTTPException) as error:
        raise AnswerLost(f"upload to {host}:{port} broke off: {error}", facts=place.facts()) from error
    if status not in (200, 201, 204):
        raise CloudError(f"upload to {host}:{port}: {status} {told[:200]!r}", facts=place.facts())


def rest(place: Place, method: str, path: str, body: object = None) -> Any:
    """A call of the REST API, in a session of its own; the value it answers."""
    config = place.config
    pair = base64.b64encode(f"{config.user}:{config.password}".encode()).decode()
    told = _rest(place, "POST", "/rest/com/vmware/cis/session", None, {"Authorization": f"Basic {pair}"})
    headers = {"vmware-api-session-id": str(told)}
    try:
        return _rest(place, method, path, body, headers)
    finally:
        _rest(place, "DELETE", "/rest/com/vmware/cis/session", None, headers)


def _rest(place: Place, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {**headers, "Content-Type": "application/json"}

    def send(_content: Any) -> tuple[int, bytes]:
        return _send(place, method, place.config.host, place.config.port, path, data, headers)

    status, answer = place.session.ask(place.call, send)
    if status not in (200, 204):
        raise CloudError(f"REST {method} {path}: vCenter answers {status} {answer[:300]!r}", facts=Facts(endpoint=place.endpoint))  # fmt: skip
    return json.loads(answer).get("value") if answer.strip() else None


def _send(
    place: Place, method: str, host: str, port: int, target: str, body: bytes | IO[bytes] | None, headers: dict[str, str]
) -> tuple[int, bytes]:  # fmt: skip
    connection = http.client.HTTPSConnection(host, port, timeout=REST_TIMEOUT, context=place.session.context)
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
