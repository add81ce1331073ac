"""What a site stands on: its directory, its lab, and a way into that; and how a site comes to stand there."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

import lab as lab_room
from lab.demo.record import Record
from lab.demo.site import API_PORT, write_site
from lab.forward import Forwarding
from tests.e2e.lab.host import Host
from tests.e2e.lab.inside import Inside
from tests.e2e.lab.site import RUNS, Site
from tests.e2e.loopback.api import Api

Standing = TypeVar("Standing", bound=Site)


@dataclass
class Ground:
    """A lab that is up, in a directory of its own. `ends`: what goes with it, until a site stands that sees to it."""

    directory: Path
    record: Record
    lab: lab_room.Lab
    inside: Inside
    ends: ExitStack = field(default_factory=ExitStack)
    site: Site | None = None

    @classmethod
    @contextmanager
    def laid(cls, kind: str) -> Generator[Ground]:
        """For a site that is built in the `with`; if that fails, nothing is left of it."""
        ground = cls._make(kind)
        try:
            yield ground
        except BaseException:
            if ground.site is not None:
                ground.site.down()
            else:
                ground.ends.close()
                ground.inside.close()
                ground.lab.down()
                shutil.rmtree(ground.directory, ignore_errors=True)
            raise

    @classmethod
    def _make(cls, kind: str) -> Ground:
        name = f"{kind}-{secrets.token_hex(3)}"
        directory = RUNS / name
        (directory / "home").mkdir(parents=True)
        record = Record(directory)
        lab = lab_room.up(record.lab, name)
        return cls(directory, record, lab, Inside(lab))

    def configure(
        self, kind: str, properties: dict[str, Any], boot: dict[str, float] | None = None, **more: Any
    ) -> Path:
        """The director's configuration with a CPI; `boot`: how long new VMs may take; `more` goes to its top."""
        config = write_site(self.record, self.lab)
        document = yaml.safe_load(config.read_text())
        document["meristem"]["cpi"] = {"type": kind, "properties": properties}
        if boot is not None:
            document["meristem"]["boot"] = boot
        config.write_text(yaml.safe_dump({**document, **more}, sort_keys=False))
        return config

    def forward(self, *ports: int) -> Forwarding:
        """Of the director's API, then of ports on the lab's loopback; from the test process."""
        forwarding = Forwarding.start(
            self.lab, [(0, self.lab.address, API_PORT), *((0, "127.0.0.1", one) for one in ports)]
        )
        self.ends.callback(forwarding.stop)
        return forwarding

    def stand(self, kind: type[Standing], config: Path, forwarding: Forwarding, state: Path, **own: Any) -> Standing:
        """The site, with `own` beside what all have: it is not open yet. `state`: where the VMs of the lab's libvirt are kept."""
        ca = self.directory / "certificates" / "api" / "ca.pem"
        password = (self.directory / "password").read_text().strip()
        api = Api(f"https://127.0.0.1:{forwarding.ports[0]}", ca, "admin", password)
        host = Host(self.lab, state)
        site = kind(self.directory, self.lab, self.record, config, forwarding, api, host, self.inside, **own)
        self.site = site
        return site
