"""One signed-in session for each account, shared by all threads; its token is renewed when it ends."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

import openstack.connection
import requests
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3
from requests.adapters import HTTPAdapter

from cpi.contract import CloudError
from cpi.openstack.batch import Batch
from cpi.openstack.config import Account

CONNECTIONS = 64
"""Kept open to each service."""


class Signed:
    """A session and what belongs to it: the services' adapters, and the questions that threads ask together."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.session = _session(account)
        self.connection = openstack.connection.Connection(
            session=self.session, region_name=account.region or None, interface=account.interface
        )
        self.servers = Batch()
        self.volumes = Batch()
        self.snapshots = Batch()


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
