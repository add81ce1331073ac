"""Where there is no DNS: all host names are reached at the router, with its certificate checked by their names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from paas.bus.client import Bus
from paas.messages.router import Register
from paas.router.config import Certificate

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from lab.ports import free_port
from tests.paas.bus.nats_server import NatsServer
from tests.paas.client.site import Site
from tests.paas.client.terminal import Terminal
from tests.paas.cloud_controller.controller import Controller
from tests.paas.router.edge import Edge
from tests.programs import need

need("nginx", module=True)


@pytest.fixture
async def edge(site: Site, bus: Bus, nats: NatsServer, tmp_path: Path) -> AsyncIterator[Edge]:
    """A router with a certificate for the system's names, and a cloud controller that calls itself and the others by them."""
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    made = certificate(Options("leaf", {"common_name": "*.sys.test", "alternative_names": ["*.sys.test"]}), authority)
    for name, text in (("ca", authority["certificate"]), ("crt", made["certificate"]), ("key", made["private_key"])):
        (tmp_path / name).write_text(text)
    pair = Certificate(certificate=str(tmp_path / "crt"), key=str(tmp_path / "key"))
    port = free_port()
    (tmp_path / "cc").mkdir()
    named = Controller(
        tmp_path / "cc",
        {
            **site.controller.config,
            "listen": {"port": port},
            "url": "https://api.sys.test",
            "login_url": "https://login.sys.test",
            "uaa": {**site.controller.config["uaa"], "url": "https://uaa.sys.test", "internal_url": site.uaa.url},
            "roles": ["api"],
        },
    )
    one = Edge.make(tmp_path / "e", nats.url, certificates=[pair])
    await asyncio.to_thread(named.start)
    try:
        await asyncio.to_thread(one.start)
        uaa_port = int(site.uaa.url.rpartition(":")[2])
        for uris, at in ((["api.sys.test"], port), (["uaa.sys.test", "login.sys.test"], uaa_port)):
            await bus.publish("router.register", Register(host="127.0.0.1", port=at, uris=uris))
        await bus.flush()
        for _ in range(600):
            if {"api.sys.test", "login.sys.test"} <= one.table().keys():
                break
            await asyncio.sleep(0.05)
        yield one
    finally:
        await asyncio.to_thread(one.stop)
        named.stop()


async def test_all_names_lead_to_the_router(site: Site, edge: Edge, fresh: Terminal, tmp_path: Path) -> None:
    place, ca = f"127.0.0.1:{edge.config.nginx.tls_port}", str(tmp_path / "ca")
    assert "PAAS_CA" in await fresh("target", "api.sys.test", refused="is not trusted", PAAS_CONNECT=place)
    await fresh("target", "api.sys.test", PAAS_CONNECT=place, PAAS_CA=ca)
    told = await fresh("login", "-u", "admin", "-p", site.password, PAAS_CONNECT=place, PAAS_CA=ca)
    assert "https://api.sys.test" in told
    assert "PAAS_CONNECT" in await fresh("orgs", refused="api.sys.test cannot be reached", PAAS_CA=ca)
    # names that no certificate is for
    await fresh("target", "api.other.test", refused="is not trusted", PAAS_CONNECT=place, PAAS_CA=ca)
    # by the option too, which is remembered; and without a look at the certificate where that is wanted
    await fresh("--connect", place, "target", "api.sys.test", "--skip-ssl-validation")
    await fresh("auth", "admin", site.password)
    await fresh("orgs")
    assert "is no address" in await fresh("--connect", "host:port", "orgs", refused="FAILED")
