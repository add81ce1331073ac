"""``SERVICE.*``: a service's gateway and its nodes. Source: vcap-services-base; SERVICE is its label, such as ``redis``.

Subjects: ``SERVICE.discover``, ``.announce``, ``.check_orphan``; and for one node ``SERVICE.provision.NODE``,
``.unprovision.NODE``, ``.bind.NODE``, ``.unbind.NODE``. All but ``announce`` are requests.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Discover(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nodes that offer `plan` (all nodes, where it is empty) announce themselves now."""

    plan: str = ""


class Announce(msgspec.Struct, frozen=True, kw_only=True):
    """What a node has free, every 30 s, when asked, and when it changes. `plans`: those it takes; none means all."""

    id: str
    available_capacity: int
    max_capacity: int
    capacity_unit: str = "MB"
    plans: list[str] = []
    supported_versions: list[str] = []
    zone: str = ""


class Provision(msgspec.Struct, frozen=True, kw_only=True):
    """Make an instance. `name` is chosen by the gateway: the same question again gets the same answer.

    `size`: how much of the node's capacity it takes; `limits`: the plan's other limits, by name.
    """

    name: str
    plan: str
    size: int
    limits: dict[str, int] = {}
    version: str = ""


class Provisioned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`error_type` is ``NoCapacity`` where another node may be asked. `credentials`: name, host, port; no secret."""

    success: bool
    credentials: dict[str, Any] = {}
    error: str = ""
    error_type: str = ""


class Unprovision(msgspec.Struct, frozen=True, kw_only=True):
    """Remove an instance with all its bindings; one that is not there is removed already."""

    name: str
    bindings: list[str] = []


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """Make credentials of their own for `binding`; the same question again gets the same answer."""

    name: str
    binding: str
    bind_opts: dict[str, Any] = {}


class Bound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The credentials, as an app gets them."""

    success: bool
    credentials: dict[str, Any] = {}
    error: str = ""
    error_type: str = ""


class Unbind(msgspec.Struct, frozen=True, kw_only=True):
    """End the credentials of `binding`."""

    name: str
    binding: str


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to ``unprovision`` and ``unbind``."""

    success: bool
    error: str = ""
    error_type: str = ""


class CheckOrphan(msgspec.Struct, frozen=True, kw_only=True):
    """Each node answers with what it has."""


class NodeHandles(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``check_orphan``: names of instances, and the ids of each one's bindings."""

    id: str
    instances: dict[str, list[str]]
