"""How the cloud is reached: accounts, regions, TLS, proxies; and settings that are refused before anything is asked."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from cpi.contract import CloudError
from tests.clouds.openstack.fault_proxy import FaultProxy

BASE = {"auth_url": "http://k:5000", "username": "u", "api_key": "p", "project": "p", "domain": "d"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"auth_urll": "x"}, "unknown property 'auth_urll'; did you mean 'auth_url'"),
        ({"auth_url": None}, "'auth_url' must be the http"),
        ({"auth_url": "http://k:5000/v2.0"}, "keystone v2.0, which is gone"),
        ({"tenant": "t"}, "'tenant' is of keystone v2.0"),
        ({"api_key": None}, "'api_key' is missing"),
        ({"project": None}, "'project' .* is missing"),
        ({"domain": None}, "'domain' .* is missing"),
        ({"domain": None, "user_domain_name": "d"}, "'project_domain_name' is missing"),
        ({"application_credential_id": "a"}, "'application_credential_secret' is missing"),
        ({"application_credential_id": "a", "application_credential_secret": "b"}, "'username' cannot stand beside"),
        ({"endpoint_type": "public"}, "'endpoint_type' must be one of 'publicURL', 'internalURL', 'adminURL'"),
        ({"state_timeout": "300"}, "'state_timeout' must be a number above 0, not a string"),
        ({"wait_resource_poll_interval": 0}, "'wait_resource_poll_interval' must be a number above 0"),
        ({"boot_from_volume": "yes"}, "'boot_from_volume' must be true or false, not a string"),
        ({"default_security_groups": "default"}, "'default_security_groups' must be a list of strings"),
        ({"config_drive": "iso"}, "'config_drive' must be one of 'cdrom', 'disk'"),
        ({"use_nova_networking": True}, "'use_nova_networking' cannot be true"),
        ({"enable_auto_anti_affinity": True}, "'enable_auto_anti_affinity' was removed"),
        ({"registry": {"endpoint": "http://r"}}, "'registry' is not served"),
        (
            {"connection_options": {"ssl_verify": False}},
            "unknown property 'ssl_verify'; did you mean 'ssl_verify_peer'",
        ),
        ({"agent": {"mbus": 1.5}}, "agent: property 'mbus' must be a string"),
        ({"env": {"ftp_proxy": "x"}}, "unknown property 'ftp_proxy'"),
    ],
)
def test_wrong_properties_are_refused_with_their_names(changed, words):
    from cpi.openstack.config import Config

    given = {key: value for key, value in {**BASE, **changed}.items() if value is not None}
    with pytest.raises(CloudError, match=words):
        Config.parse(given)


def test_properties_that_only_say_the_same_otherwise():
    from cpi.openstack.config import Config

    assert Config.parse({**BASE, "auth_url": "http://k:5000/v3/"}).account.auth_url == "http://k:5000/v3"
    one = Config.parse({**BASE, "domain": None, "user_domain_name": "a", "project_domain_name": "b"}).account
    assert (one.user_domain, one.project_domain) == ("a", "b")
    nats = {"user": "n", "password": "p/w", "address": "10.0.0.6"}
    assert Config.parse({**BASE, "nats": nats}).mbus == "nats://n:p%2Fw@10.0.0.6:4222"
    assert Config.parse({**BASE, "endpoint_type": "internalURL"}).account.interface == "internal"


def test_an_application_credential_signs_in(tenant, cpi, same):
    identity = tenant.member.identity
    made = identity.create_application_credential(tenant.user.id, name=f"{tenant.name}-cpi")
    own = {"auth_url": tenant.stack.identity_url, "region": "RegionOne", "application_credential_id": made.id}
    from tests.clouds.openstack.tenant import Cpi

    other = Cpi({**own, "application_credential_secret": made.secret})
    try:
        disk = other("create_disk", 1024, {}, None)
        assert tenant.member.block_storage.get_volume(disk).project_id == tenant.project.id
        other("delete_disk", disk)
        with pytest.raises(CloudError, match=r"keystone at .* says: .*HTTP 401.*check user, password"):
            other("has_disk", disk, application_credential_secret="wrong-secret")
    finally:
        other.close()
        identity.delete_application_credential(tenant.user.id, made.id)


def test_regions_and_endpoints_that_are_not_there(cpi):
    with pytest.raises(CloudError, match="has no cinder \\(block-storage\\) in region Nowhere"):
        cpi("has_disk", "x", region="Nowhere")
    assert not cpi("has_disk", "x", endpoint_type="internalURL")
    with pytest.raises(CloudError, match=r"HTTP 401.*check user, password"):
        cpi("has_disk", "x", project="nosuch")


def test_a_project_by_its_id(tenant, cpi):
    names = {"project": None, "domain": None, "user_domain_name": "Default"}
    assert not cpi("has_disk", "x", project_id=tenant.project.id, **names)
    assert not cpi("has_disk", "x", **{**names, "project": tenant.name, "project_domain_name": "Default"})


SERVICES = ("keystone", "glance", "nova", "neutron", "cinder", "placement")


@pytest.fixture
def secured(tenant, tmp_path):
    """A proxy that speaks TLS before the cloud, and the certificate of its authority."""
    from director.adapters.authority import Authority

    authority, pair = Authority.create("cloud-ca")
    server = authority.issue("cloud", hosts=["127.0.0.1"], server=True)
    both = tmp_path / "server.pem"
    both.write_text(server.certificate + server.private_key)
    proxy = FaultProxy({name: tenant.stack.url(name) for name in SERVICES}, certificate=str(both))
    yield proxy, pair.certificate
    proxy.close()


def test_tls_is_checked_against_the_given_authority(cpi, secured, tmp_path):
    proxy, ca = secured
    file = tmp_path / "ca.pem"
    file.write_text(ca)
    for options in ({"ca_cert": ca}, {"ssl_ca_file": str(file)}, {"ssl_verify_peer": False}):
        assert not cpi("has_disk", "x", auth_url=proxy.auth_url, connection_options=options)
    with pytest.raises(CloudError, match="certificate verify failed"):
        cpi("has_disk", "x", auth_url=proxy.auth_url, state_timeout=1)


def test_an_http_proxy_is_used_for_tls_too(cpi, secured):
    proxy, ca = secured
    tunnel = FaultProxy({})
    reached = {"auth_url": proxy.auth_url, "connection_options": {"ca_cert": ca}}
    try:
        assert not cpi("has_disk", "x", **reached, env={"https_proxy": tunnel.url})
        assert set(tunnel.seen) == {("CONNECT", proxy.url.removeprefix("https://"))}
    finally:
        tunnel.close()


def test_a_connection_that_is_not_taken_is_given_up(cpi):
    with socket.socket() as full, contextlib.ExitStack() as held:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # the queue is full: the kernel answers no more
            one = held.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        began = time.monotonic()
        with pytest.raises(CloudError, match=r"does not answer: .*timed out"):
            cpi("has_disk", "x", auth_url=f"http://127.0.0.1:{full.getsockname()[1]}", state_timeout=1,
                connection_options={"connect_timeout": 1.5})  # fmt: skip
        assert 1.5 <= time.monotonic() - began < 6


def test_an_http_proxy_is_used_where_one_is_named(tenant, cpi):
    proxy = FaultProxy({})
    passed: list[str] = []
    plain = proxy.pass_on
    proxy.pass_on = lambda request, url, fault: (passed.append(url), plain(request, url, fault))[1]
    try:
        assert not cpi("has_disk", "x", env={"http_proxy": proxy.url})
        assert any(f":{tenant.stack.port('cinder')}/" in url for url in passed)
        passed.clear()
        assert not cpi("has_disk", "x", env={"http_proxy": proxy.url, "no_proxy": "127.0.0.1"})
        assert passed == []
    finally:
        proxy.close()
