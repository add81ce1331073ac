"""What the author of a service writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from paas.services.node.instance import Binding, Instance


class ServiceError(Exception):
    """The service cannot do what was asked; its text reaches the user, so it holds no secret and no path."""


class Service(ABC):
    """Any of these calls may be repeated after a crash, and the second time finds what the first has left: make it so.

    Two calls for the same instance never overlap; calls for two instances may.
    """

    async def start(self, instances: list[Instance]) -> None:  # noqa: B027 a service without an engine has nothing to start
        """Bring up the engine, and what `instances` (all that were made before) need."""

    async def stop(self) -> None:  # noqa: B027 as above
        """The node ends in good order: end what it runs. Not called when the node is killed."""

    @abstractmethod
    async def make(self, instance: Instance) -> dict[str, Any]:
        """Make the instance within its limits; returns where it is: host, port, name."""

    @abstractmethod
    async def remove(self, instance: Instance) -> None:
        """Remove it with its data; also one that was only half made."""

    @abstractmethod
    async def bind(self, instance: Instance, binding: Binding) -> dict[str, Any]:
        """Let `binding.username` in with `binding.password`; returns the credentials as the app gets them.

        The binding is among `instance.bindings` already.
        """

    @abstractmethod
    async def unbind(self, instance: Instance, binding: Binding) -> None:
        """Let it in no more, and end its connections. It is no longer among `instance.bindings`."""
