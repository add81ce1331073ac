"""What a site stands on: its directory, its lab, and a way into that."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import lab as lab_room
from lab.demo.record import Record
from lab.demo.site import write_site
from tests.e2e.lab.inside import Inside
from tests.e2e.lab.site import RUNS
from tests.e2e.loopback.api import Api


@dataclass
class Ground:
    """A lab that is up, in a directory of its own."""

    directory: Path
    record: Record
    lab: lab_room.Lab
    inside: Inside

    @classmethod
    def make(cls, kind: str) -> Ground:
        name = f"{kind}-{secrets.token_hex(3)}"
        directory = RUNS / name
        (directory / "home").mkdir(parents=True)
        record = Record(directory)
        lab = lab_room.up(record.lab, name)
        return cls(directory, record, lab, Inside(lab))

    def configure(self, kind: str, properties: dict[str, Any], **more: Any) -> Path:
        """The director's configuration with a CPI; `more` goes to its top."""
        config = write_site(self.record, self.lab)
        document = yaml.safe_load(config.read_text())
        document["meristem"]["cpi"] = {"type": kind, "properties": properties}
        config.write_text(yaml.safe_dump({**document, **more}, sort_keys=False))
        return config

    def api(self, port: int) -> Api:
        ca = self.directory / "certificates" / "api" / "ca.pem"
        return Api(f"https://127.0.0.1:{port}", ca, "admin", (self.directory / "password").read_text().strip())
