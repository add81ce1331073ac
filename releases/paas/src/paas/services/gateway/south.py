"""What the gateway asks of nodes."""

from __future__ import annotations

from typing import Any

from paas.bus.client import Bus
from paas.messages.services import Bind, Bound, Done, Provision, Provisioned, Unbind, Unprovision
from paas.services.gateway.config import GatewayConfig
from paas.services.osb.catalog import Plan


class South:
    """Each call raises NoAnswerError where the node does not answer in time."""

    def __init__(self, config: GatewayConfig, bus: Bus) -> None:
        self._config = config
        self._bus = bus

    async def provision(self, node: str, name: str, plan: Plan) -> Provisioned:
        """Make an instance."""
        asked = Provision(name=name, plan=plan.name, size=plan.size, limits=plan.limits)
        return await self._ask("provision", node, asked, Provisioned, self._config.provision_seconds)

    async def unprovision(self, node: str, name: str) -> Done:
        """Remove an instance."""
        return await self._ask("unprovision", node, Unprovision(name=name), Done, self._config.provision_seconds)

    async def bind(self, node: str, name: str, binding: str, options: dict[str, Any]) -> Bound:
        """Make credentials."""
        asked = Bind(name=name, binding=binding, bind_opts=options)
        return await self._ask("bind", node, asked, Bound, self._config.bind_seconds)

    async def unbind(self, node: str, name: str, binding: str) -> Done:
        """End credentials."""
        return await self._ask("unbind", node, Unbind(name=name, binding=binding), Done, self._config.bind_seconds)

    async def _ask(self, verb: str, node: str, asked: object, kind: type[Any], seconds: float) -> Any:
        return await self._bus.request(f"{self._config.label}.{verb}.{node}", asked, kind, seconds)
