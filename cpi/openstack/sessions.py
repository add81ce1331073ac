"""One signed-in session for each account, shared by all threads; its token is renewed when it ends."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

import requests
from keystoneauth1 import exceptions as failures
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3
from requests.adapters import HTTPAdapter

from cpi.contract import CloudError
from cpi.openstack.batch import Batch
from cpi.openstack.config import Account
from cpi.openstack.refusals import Missing

CONNECTIONS = 64
"""Kept open to each service."""


SERVICES = {
    "nova": ("compute", "v2.1"),
    "glance": ("image", "v2"),
    "neutron": ("network", "v2.0"),
    "cinder": ("block-storage", "v3"),
    "octavia": ("load-balancer", "v2"),
}
"""Our name of a service -> its type in the catalogue, and the version that is put behind an address without one."""


class Signed:
    """A session, the services' addresses out of its catalogue, and the questions that threads ask together.

    Addresses are not discovered: a service that is down at that moment would be remembered with a wrong one.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.session = _session(account)
        self.servers = Batch()
        self.volumes = Batch()
        self.snapshots = Batch()
        self._addresses: dict[str, str] = {}

    def address(self, service: str) -> str:
        """Where the service is; signs in when that is not known. Missing if the catalogue does not have it."""
        if service not in self._addresses:
            kind, version = SERVICES[service]
            try:
                found = self.session.get_endpoint(
                    service_type=kind,
                    interface=self.account.interface,
                    region_name=self.account.region or None,
                    skip_discovery=True,
                )
            except failures.EndpointNotFound:
                found = None
            if not found:
                region = f" in region {self.account.region}" if self.account.region else ""
                raise Missing(f"the catalogue of {self.account.auth_url} has no {service} ({kind}){region} for the "
                              f"{self.account.interface} endpoint_type")  # fmt: skip
            address = str(found).rstrip("/")
            versioned = any(re.fullmatch(r"v\d+(\.\d+)?", part) for part in address.split("/"))
            self._addresses[service] = address if versioned else f"{address}/{version}"
        return self._addresses[service]

    def known_address(self, service: str) -> str:
        """The same as far as it is known, for errors."""
        return self._addresses.get(service, self.account.auth_url)

    def request(self, service: str, method: str, path: str, **more: Any) -> requests.Response:
        """One request with a token that is renewed when it has ended; errors of the service are answers too."""
        return self.session.request(self.address(service) + path, method, raise_exc=False, authenticated=True, **more)


class Transport(HTTPAdapter):
    """Connections with one time-out for being made and another for each answer."""

    def __init__(self, connect: float, read: float) -> None:
        super().__init__(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS)
        self._timeouts = (connect, read)

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """As requests sends it."""
        return super().send(request, *args, **{**more, "timeout": self._timeouts})


_signed: dict[Account, Signed] = {}
_guard = threading.Lock()


def of(account: Account) -> Signed:
    """The session of this account; nothing is sent yet."""
    with _guard:
        if account not in _signed:
            _signed[account] = Signed(account)
        return _signed[account]


def _session(account: Account) -> sessions.Session:
    http = requests.Session()
    for scheme in ("http://", "https://"):
        http.mount(scheme, Transport(account.connect_timeout, account.read_timeout))
    # the worker's own environment says nothing of how a cloud is reached
    http.trust_env = False
    for key, url in account.proxies:
        if key != "no_proxy":
            http.proxies[key.removesuffix("_proxy")] = url
    for host in dict(account.proxies).get("no_proxy", "").split(","):
        if host.strip():
            for scheme in ("http", "https"):
                http.proxies[f"{scheme}://{host.strip()}"] = ""
    return sessions.Session(
        auth=cast(Any, _auth(account)),
        session=http,
        verify=_trusted(account),
        user_agent="meristem-cpi-openstack",
    )


def _auth(account: Account) -> object:
    if account.credential_id:
        return v3.ApplicationCredential(
            account.auth_url,
            application_credential_id=account.credential_id,
            application_credential_secret=account.credential_secret,
        )
    return v3.Password(
        account.auth_url,
        username=account.username,
        password=account.password,
        user_domain_name=account.user_domain,
        project_id=account.project_id or None,
        project_name=None if account.project_id else account.project,
        project_domain_name=None if account.project_id else account.project_domain,
    )


def _trusted(account: Account) -> bool | str:
    """What requests wants: a file with the authorities, or whether to check at all."""
    if not account.verify:
        return False
    if account.ca_cert:
        if "-----BEGIN CERTIFICATE-----" not in account.ca_cert:
            raise CloudError("OpenStack properties.connection_options: property 'ca_cert' must hold PEM certificates")
        digest = hashlib.sha256(account.ca_cert.encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"meristem-openstack-{os.getuid()}" / f"ca-{digest}.pem"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if path.parent.stat().st_uid != os.getuid():
            raise CloudError(f"{path.parent} belongs to another user; remove it")
        new = path.with_suffix(f".{threading.get_ident()}")
        new.write_text(account.ca_cert)
        new.replace(path)
        return str(path)
    if account.ca_file:
        if not Path(account.ca_file).is_file():
            raise CloudError(f"OpenStack properties.connection_options: ssl_ca_file {account.ca_file!r} is no file")
        return account.ca_file
    return True
