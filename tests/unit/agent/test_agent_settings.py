"""Sources of settings, what they mean, and update_settings."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_world import AgentWorld, settings

from agent.errors import SettingsError
from agent.layout import Layout
from agent.platform.network import prefix_of
from agent.settings import find
from agent.settings.http_source import HttpSource
from agent.settings.model import Settings, is_dhcp


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "vcap", tmp_path / "root")


def configure(layout: Layout, *sources: dict[str, Any]) -> None:
    layout.bosh.mkdir(parents=True, exist_ok=True)
    layout.agent_config.write_text(json.dumps({"Infrastructure": {"Settings": {"Sources": sources}}}))


def test_the_first_source_that_has_settings_wins_and_the_cache_is_the_last_resort(
    layout: Layout, tmp_path: Path
) -> None:
    drive = tmp_path / "drive"
    (drive / "ec2/latest").mkdir(parents=True)
    text = json.dumps(settings(tmp_path) | {"agent_id": "from-drive"})
    (drive / "ec2/latest/user-data").write_bytes(base64.b64encode(text.encode()))
    configure(
        layout,
        {"Type": "File", "SettingsPath": "/var/vcap/seed/settings.json"},
        {"Type": "ConfigDrive", "DiskPaths": ["/dev/no-such", str(drive)], "UserDataPath": "ec2/latest/user-data"},
    )
    assert find.fetch(layout).agent_id == "from-drive"
    assert layout.settings.stat().st_mode & 0o777 == 0o600
    (drive / "ec2/latest/user-data").unlink()
    assert find.fetch(layout).agent_id == "from-drive"
    seed = layout.base / "seed" / "settings.json"
    seed.parent.mkdir()
    seed.write_text(json.dumps(settings(tmp_path) | {"agent_id": "from-file"}))
    assert find.fetch(layout).agent_id == "from-file"
    assert find.cached(layout).agent_id == "from-file"


def test_no_source_names_all_that_was_tried(layout: Layout, tmp_path: Path) -> None:
    configure(layout, {"Type": "File", "SettingsPath": "/var/vcap/seed/x"}, {"Type": "CDROM", "FileName": "env"})
    with pytest.raises(SettingsError, match=r"no settings found: file .*/vcap/seed/x: No such file.*; CD-ROM file env"):
        find.fetch(layout)


def test_an_unknown_source_names_the_file_the_key_and_the_choices(layout: Layout) -> None:
    configure(layout, {"Type": "Floppy"})
    with pytest.raises(SettingsError, match=r"agent\.json: Infrastructure.Settings.Sources: Type 'Floppy' .*use File"):
        find.fetch(layout)


def test_malformed_settings_name_their_place_and_show_no_content(layout: Layout) -> None:
    configure(layout, {"Type": "File", "SettingsPath": "/var/vcap/seed/settings.json"})
    (layout.base / "seed").mkdir()
    (layout.base / "seed/settings.json").write_text('{"password": "hunter2"')
    with pytest.raises(SettingsError, match=r"seed/settings\.json: not valid JSON") as caught:
        find.fetch(layout)
    assert "hunter2" not in str(caught.value)
    (layout.base / "seed/settings.json").write_text("{}")
    with pytest.raises(SettingsError, match="agent_id: expected a non-empty string"):
        find.fetch(layout)


class Metadata(http.server.BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self._say(200 if self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") == "300" else 400, b"the-token")

    def do_GET(self) -> None:
        known = self.headers.get("X-aws-ec2-metadata-token") == "the-token" and self.path == "/latest/user-data"
        self._say(200 if known else 404, b'{"agent_id": "from-http"}')

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def metadata() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_metadata_service_with_a_token(metadata: str) -> None:
    found = HttpSource(metadata, "/latest/user-data", {}, token_path="/latest/api/token").read()
    assert found == {"agent_id": "from-http"}
    with pytest.raises(SettingsError, match="404"):
        HttpSource(metadata, "/nothing", {}, pause=0).read()


def test_more_specific_places_win(tmp_path: Path) -> None:
    given = settings(tmp_path)
    assert Settings(given, {}).bus_urls == ["nats://127.0.0.1:4222"]
    given["env"]["bosh"]["mbus"]["urls"] = ["nats://a:1"]
    assert Settings(given, {}).bus_urls == ["nats://a:1"]
    update = {"mbus": {"urls": ["nats://b:2"]}, "blobstores": [{"provider": "dav"}]}
    updated = Settings(given, update)
    assert updated.bus_urls == ["nats://b:2"] and updated.bus_certificate["private_key"] == "key"
    assert updated.blobstore == {"provider": "dav"}
    assert Settings({**given, "ntp": ["x"]}, {}).ntp == ["10.0.0.3"]
    with pytest.raises(SettingsError, match=r"env.bosh.mbus.cert lacks ca, certificate, private_key"):
        _ = Settings({"agent_id": "a"}, {}).bus_certificate


@pytest.mark.parametrize(
    ("network", "dynamic"),
    [
        ({"type": "manual", "ip": "10.0.0.1", "netmask": "255.0.0.0"}, False),
        ({"type": "manual", "ip": "10.0.0.1", "prefix": "8"}, False),
        ({"type": "manual", "ip": "10.0.0.1"}, True),
        ({"type": "manual", "ip": "10.0.0.1", "netmask": "255.0.0.0", "use_dhcp": True}, True),
        ({"type": "manual", "ip": "10.0.0.1", "netmask": "255.0.0.0", "resolved": True}, True),
        ({"type": "dynamic"}, True),
        ({"type": "vip"}, False),
    ],
)
def test_the_rule_for_dhcp(network: dict[str, Any], dynamic: bool) -> None:
    assert is_dhcp(network) is dynamic


def test_prefix_lengths() -> None:
    assert prefix_of("n", {"ip": "10.0.0.1", "netmask": "255.255.255.128"}) == 25
    assert prefix_of("n", {"ip": "fd00::1", "netmask": "ffff:ffff:ffff:ffff::"}) == 64
    assert prefix_of("n", {"ip": "10.0.0.1", "prefix": "17"}) == 17
    with pytest.raises(SettingsError, match=r"networks\.n\.netmask: '255.0.255.0' is not a netmask"):
        prefix_of("n", {"ip": "10.0.0.1", "netmask": "255.0.255.0"})


def test_update_settings_restarts_only_for_a_new_connection(world: AgentWorld) -> None:
    certificate = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"
    assert world.do("update_settings", {"trusted_certs": certificate * 2, "disk_associations": []}) == "ok"
    trusted = sorted((world.layout.root / "usr/local/share/ca-certificates").iterdir())
    assert [path.read_text() for path in trusted] == [certificate, certificate]
    assert world.restarts == 0
    world.do("update_settings", {"trusted_certs": certificate})
    assert len(list((world.layout.root / "usr/local/share/ca-certificates").iterdir())) == 1

    world.do("update_settings", {"disk_associations": []})
    assert len(list((world.layout.root / "usr/local/share/ca-certificates").iterdir())) == 1

    cert = {"ca": "c", "certificate": "new", "private_key": "new"}
    started = world.ask("update_settings", {"mbus": {"cert": cert}})
    while world.restarts == 0:
        assert world.ask("get_task", started["agent_task_id"])["state"] == "running"
    # Until the new process is there the task runs; then it has ended well.
    assert world.ask("get_task", started["agent_task_id"])["state"] == "running"
    world.begin()
    assert world.ask("get_task", started["agent_task_id"]) == "ok"
    assert world.vm.settings.bus_certificate == cert
    assert world.layout.update_settings.stat().st_mode & 0o777 == 0o600
    world.do("update_settings", {"mbus": {"cert": cert}})
    assert world.restarts == 1
