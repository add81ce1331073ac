"""Connections: certificates by ``PAAS_CA``, and all host names at one address by ``PAAS_CONNECT``, where there is no DNS."""

from __future__ import annotations

import os
import ssl

import httpx2

from paas.client.errors import ClientError
from paas.client.settings import Settings

TIMEOUT = httpx2.Timeout(120, connect=15)


class ConnectTo(httpx2.BaseTransport):
    """Sends every request to one address; host name and server name stay those of the URL."""

    def __init__(self, inner: httpx2.BaseTransport, place: str) -> None:
        self._inner = inner
        host, colon, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
        self._host = host if colon else place
        try:
            self._port = int(port) if colon else None
        except ValueError:
            raise ClientError(f"'{place}' is no address", "Give --connect HOST or HOST:PORT.") from None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """By the same rules as without."""
        url = request.url.copy_with(host=self._host)
        if self._port is not None:
            url = url.copy_with(port=self._port)
        extensions = {**request.extensions, "sni_hostname": request.url.host}
        stream = request.stream
        return self._inner.handle_request(
            httpx2.Request(request.method, url, headers=request.headers, stream=stream, extensions=extensions)
        )

    def close(self) -> None:
        """All connections."""
        self._inner.close()


def http(settings: Settings) -> httpx2.Client:
    """For all parts of the platform."""
    verify = _verification(settings)
    transport: httpx2.BaseTransport = httpx2.HTTPTransport(verify=verify, retries=1)
    if place := os.environ.get("PAAS_CONNECT") or settings.connect:
        transport = ConnectTo(transport, place)
    return httpx2.Client(transport=transport, timeout=TIMEOUT, trust_env=False, headers={"User-Agent": "paas/1"})


def _verification(settings: Settings) -> ssl.SSLContext | bool:
    if settings.skip_verify:
        return False
    ca = os.environ.get("PAAS_CA")
    if not ca:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ClientError(f"PAAS_CA={ca}: {error}", "Give the file with the authority's certificate.") from None
