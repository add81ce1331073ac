"""A service for tests of the framework: an instance is a folder, a binding a file; a file named ``wait`` holds it up."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

from paas.services.node.config import NodeConfig
from paas.services.node.instance import Binding, Instance
from paas.services.node.process import run_node
from paas.services.node.service import Service, ServiceError


class Folders(Service):
    """`directory`/made has the folders."""

    def __init__(self, config: NodeConfig) -> None:
        self._top = Path(config.directory, "made")
        self._gate = Path(config.directory, "wait")

    async def make(self, instance: Instance) -> dict[str, Any]:
        await self._held_up()
        if instance.limit("broken", 0):
            raise ServiceError("the folders are broken today")
        (self._top / instance.name).mkdir(parents=True, exist_ok=True)
        return {"host": "here"}

    async def remove(self, instance: Instance) -> None:
        shutil.rmtree(self._top / instance.name, ignore_errors=True)

    async def bind(self, instance: Instance, binding: Binding) -> dict[str, Any]:
        await self._held_up()
        (self._top / instance.name / binding.id).touch()
        return {"username": binding.username, "password": binding.password}

    async def unbind(self, instance: Instance, binding: Binding) -> None:
        (self._top / instance.name / binding.id).unlink(missing_ok=True)

    async def _held_up(self) -> None:
        while self._gate.exists():
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    sys.exit(run_node("folders", NodeConfig, Folders))
