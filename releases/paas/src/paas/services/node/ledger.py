"""The node's own record of its instances: one sealed file each, written before the service is told of anything."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from paas.sealing.box import Box
from paas.services.node.instance import Instance

MODE = 0o600


class Ledger:
    """All instances of a node, in memory and in `directory`. A file is replaced as a whole and synced."""

    def __init__(self, directory: Path, box: Box) -> None:
        self._directory = directory
        self._box = box
        self._held: dict[str, Instance] = {}
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in sorted(directory.glob("*.sealed")):
            one = msgspec.json.decode(box.open(file.read_text(), file.stem), type=Instance)
            self._held[one.name] = one

    def all(self) -> list[Instance]:
        """Of all instances, also those that were never finished."""
        return list(self._held.values())

    def get(self, name: str) -> Instance | None:
        """The instance of that name."""
        return self._held.get(name)

    def used(self) -> int:
        """How much of the node's capacity is given away."""
        return sum(one.size for one in self._held.values())

    def free_number(self) -> int:
        """The smallest that no instance has."""
        taken = {one.number for one in self._held.values()}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def put(self, instance: Instance) -> Instance:
        """Write it down; it is on the disk when this returns."""
        file = self._directory / f"{instance.name}.sealed"
        new = file.with_suffix(".new")
        text = self._box.seal(msgspec.json.encode(instance).decode(), instance.name)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
        self._sync()
        self._held[instance.name] = instance
        return instance

    def drop(self, name: str) -> None:
        """Forget it."""
        (self._directory / f"{name}.sealed").unlink(missing_ok=True)
        self._sync()
        self._held.pop(name, None)

    def _sync(self) -> None:
        folder = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
