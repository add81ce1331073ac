"""What the watcher wrote down of each guest, so that a later watcher goes on from there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.watcher.devices import Held

FILE = "guest.json"


@dataclass(frozen=True)
class Guest:
    """One VM as it was booted last. `drives`: device name in the guest -> what is behind it."""

    id: str
    name: str
    boot: str = ""
    """The start that was followed; empty when the guest is off."""
    drives: dict[str, Held] = field(default_factory=dict[str, Held])
    over: str = ""
    """The start after which the guest switched itself off; it is not booted again by that one."""

    def save(self, folder: Path) -> Guest:
        """Keep it, by atomic replacement."""
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{FILE}.new"
        new.write_text(json.dumps(asdict(self)))
        os.replace(new, folder / FILE)
        return self

    def on(self, boot: str) -> Guest:
        """The same, switched on by this start."""
        return replace(self, boot=boot)

    def off(self) -> Guest:
        """The same, switched off."""
        return replace(self, boot="", drives={})

    def with_drive(self, target: str, held: Held | None) -> Guest:
        """The same with another drive behind a device name, or with none."""
        others = {name: one for name, one in self.drives.items() if name != target}
        return replace(self, drives={**others, target: held} if held is not None else others)


def load_all(folder: Path) -> dict[str, Guest]:
    """All guests below a folder, by id."""
    found: dict[str, Guest] = {}
    for path in sorted(folder.glob(f"*/{FILE}")):
        fields: dict[str, Any] = json.loads(path.read_text())
        drives = {target: Held(**held) for target, held in fields.pop("drives").items()}
        guest = Guest(**fields, drives=drives)
        found[guest.id] = guest
    return found
