"""Mutual TLS with the message bus."""

from __future__ import annotations

import os
import re
import ssl
from typing import Any

_SERVER_NAME = re.compile(r"^[A-Za-z0-9*-]*\.nats\.bosh-internal$")


class BusServerCheck(ssl.SSLObject):
    """Beyond chain and host name, the server's common name must be the message bus's."""

    def do_handshake(self) -> None:
        """As the base; raises SSLCertVerificationError for another server."""
        super().do_handshake()
        certificate: dict[str, Any] = dict(self.getpeercert() or {})
        names = [str(value) for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        if not any(_SERVER_NAME.match(name) for name in names):
            raise ssl.SSLCertVerificationError(f"the bus server calls itself {names}, expected *.nats.bosh-internal")


def context(ca: str, certificate: str, private_key: str) -> ssl.SSLContext:
    """Client context, TLS 1.2 or newer, from PEM texts. Raises ssl.SSLError if they are no certificate and key."""
    found = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=ca)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    found.sslobject_class = BusServerCheck
    # OpenSSL reads certificate and key from files only; a memory file never reaches a disk.
    with open(os.memfd_create("bus-identity"), "wb") as file:
        file.write(f"{certificate.rstrip()}\n{private_key.rstrip()}\n".encode())
        file.flush()
        found.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return found
