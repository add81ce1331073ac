"""A static app is pushed: package, build, droplet, start, on a stager and a DEA that speak the real protocol."""

from __future__ import annotations

import httpx2

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer
from tests.paas.cloud_controller.pushing import push, zipped


async def test_an_app_is_pushed_and_runs(admin: Api, space: str, app: str, dea: DeaPeer, stager: StagerPeer) -> None:
    bits = zipped(index__html="<h1>hello</h1>", Staticfile="")
    droplet = await push(admin, app, bits)
    assert droplet["process_types"] == {"web": "nginx -c nginx.conf"}
    assert droplet["buildpacks"][0]["name"] == "static_buildpack"

    await dea.until(lambda: len(dea.of(app)) == 1)
    start = dea.of(app)[0].start
    assert (start.app, start.index, start.sha1, start.stack) == (
        app,
        0,
        droplet["checksum"]["value"],
        "cflinuxfs-deb12",
    )
    assert start.start_command == "nginx -c nginx.conf"
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(start.executable_uri)).raise_for_status().content == b"droplet of " + bits

    stats = (await admin.get(f"/v3/apps/{app}/processes/web/stats"))["resources"]
    assert [(one["index"], one["state"], one["type"]) for one in stats] == [(0, "RUNNING", "web")]
    assert stats[0]["mem_quota"] == 256 << 20
    assert (await admin.get(f"/v3/apps/{app}"))["state"] == "STARTED"
