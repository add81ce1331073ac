"""CPIs with one mistake each. `BROKEN` tells which case must notice it."""

from __future__ import annotations

from collections.abc import Callable

from cpi.conformance.clients import InProcess
from cpi.contract import VmCreated, implements
from tests.contract.cpi.tiny_cloud import TinyCloud

BROKEN: dict[str, tuple[type[TinyCloud], type[InProcess]]] = {}
"""`case: mistake` -> the cloud with it, and the client through which it is reached."""


def caught_by(case: str) -> Callable[[type], type]:
    """Register a cloud (or a client, for mistakes on the wire) whose mistake this case must notice."""

    def register(broken: type) -> type:
        wire = issubclass(broken, InProcess)
        BROKEN[f"{case}: {broken.__name__}"] = (TinyCloud, broken) if wire else (broken, InProcess)
        return broken

    return register


class Creating(TinyCloud):
    """Clouds with a mistake in create_vm."""

    @implements
    def create_vm(self, call, agent_id, stemcell_cid, cloud_properties, networks, env):
        given = (call, agent_id, stemcell_cid, cloud_properties, networks, env)
        return self.create(lambda: TinyCloud.create_vm(self, *given), *given)

    def create(self, well, call, agent_id, stemcell_cid, cloud_properties, networks, env) -> VmCreated:
        raise NotImplementedError
