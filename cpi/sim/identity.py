"""Who a simulated agent is on the bus: its urls and its certificate, out of the settings of its VM."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from cpi.contract import CloudError, Json


def section(document: object, *keys: str) -> Json:
    """The hash at this path, empty if there is none."""
    for key in keys:
        document = cast(Json, document).get(key) if isinstance(document, Mapping) else None
    return cast(Json, document) if isinstance(document, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Identity:
    """`urls` of the bus, and ca, certificate and private key in PEM."""

    urls: tuple[str, ...]
    ca: str
    certificate: str
    private_key: str

    @classmethod
    def of(cls, env: Json, mbus: str, update: Json) -> Identity:
        """As the agent protocol has it: env.bosh.mbus, and what update_settings said since."""
        bus = {**section(env, "bosh", "mbus"), **section(update, "mbus")}
        urls, cert = bus.get("urls"), section(bus, "cert")
        found = [str(url) for url in cast("list[object]", urls)] if isinstance(urls, list) and urls else [mbus]
        texts = [cert.get(name) for name in ("ca", "certificate", "private_key")]
        if not found[0] or not all(isinstance(text, str) and text for text in texts):
            raise CloudError("env.bosh.mbus of the VM names no bus or lacks its cert: ca, certificate, private_key")
        # With tls:// the client refuses a server that offers no TLS.
        return cls(tuple(f"tls://{url.partition('://')[2]}" for url in found), *(str(text) for text in texts))

    def context(self, *, known: bool = True) -> ssl.SSLContext:
        """For one connection; not `known`: it shows no certificate. Raises ssl.SSLError if the texts are no certificate and key."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.load_verify_locations(cadata=self.ca)
        if not known:
            return made
        # OpenSSL reads certificate and key from files only; a memory file never reaches a disk.
        with open(os.memfd_create("bus-identity"), "wb") as file:
            file.write(f"{self.certificate.rstrip()}\n{self.private_key.rstrip()}\n".encode())
            file.flush()
            made.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return made


def blob_ca(env: Json) -> str:
    """The CA of the blobstore that signed URLs lead to; empty for the system's own."""
    stores = section(env, "bosh").get("blobstores")
    first = cast("list[object]", stores)[0] if isinstance(stores, list) and stores else None
    ca = section(first, "options", "tls", "cert").get("ca")
    return ca if isinstance(ca, str) else ""
