"""A bus with TLS in a lab, for the agents of machines, and what a director would ask them over it."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import nats

from tests.clouds.libvirt.authority import HOST, Authority, bus_env
from tests.e2e.lab.inside import Inside

PORT = 4222


class Bus:
    """nats-server at the address that `bus_env` names; its certificates are in the folder."""

    def __init__(self, lab: Any, folder: Path) -> None:
        folder.mkdir()
        self._inside = Inside(lab)
        self._folder = folder
        authority = Authority(folder)
        self.env = bus_env(folder, authority)
        authority.issue("default.nats.bosh-internal", "server")
        authority.issue("default.director.bosh-internal", "director")
        tls = ", ".join(
            f'{key}: "{folder / name}"'
            for key, name in (("cert_file", "servercert.pem"), ("key_file", "serverkey.pem"), ("ca_file", "cacert.pem"))
        )
        config = folder / "nats.conf"
        config.write_text(f'listen: "{HOST}:{PORT}"\ntls {{ {tls}, verify: true, timeout: 20 }}\n')
        with (folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                lab.command(["/usr/sbin/nats-server", "-c", str(config)]), stdout=log, stderr=log
            )

    def ask(self, agent: str, method: str, *arguments: object, seconds: float) -> Any:
        """What the agent answers; a request that nobody hears is sent again, as a director does."""
        return self._inside.do(asyncio.run, self._asked(agent, method, arguments, time.monotonic() + seconds))

    async def _asked(self, agent: str, method: str, arguments: tuple[object, ...], until: float) -> Any:
        tls = ssl.create_default_context(cafile=str(self._folder / "cacert.pem"))
        tls.load_cert_chain(self._folder / "directorcert.pem", self._folder / "directorkey.pem")
        client = await nats.connect(
            f"nats://{HOST}:{PORT}", tls=tls, max_reconnect_attempts=-1, reconnect_time_wait=0.2
        )
        try:
            box = await client.subscribe("director.test.>")
            words = {"protocol": 3, "method": method, "arguments": arguments, "reply_to": "director.test.1"}
            while True:
                await client.publish(f"agent.{agent}", json.dumps(words).encode())
                try:
                    return json.loads((await box.next_msg(timeout=2)).data)["value"]
                except nats.errors.TimeoutError:
                    assert time.monotonic() < until, f"{agent} does not answer {method}"
        finally:
            await client.close()

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(20)
        self._inside.close()
