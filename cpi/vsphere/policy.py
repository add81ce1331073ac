"""Storage policies: found by name at the policy service, which trusts the session of vCenter."""

from __future__ import annotations

from typing import Any

from pyVmomi import pbm
from pyVmomi.SoapAdapter import SoapStubAdapter

from cpi.contract import CloudError
from cpi.vsphere.inventory import Place
from cpi.vsphere.stores import Store

VERSION = "pbm.version.version2"


def profile_id(place: Place, name: str) -> str:
    """The policy of this name; CloudError otherwise."""

    def look(_content: Any) -> str | None:
        manager = _content_of(place).profileManager
        kind = pbm.profile.ResourceType(resourceType="STORAGE")
        ids = manager.QueryProfile(kind, None)
        known = manager.RetrieveContent(ids) if ids else []
        return next((str(one.profileId.uniqueId) for one in known if one.name == name), None)

    found = place.session.ask(place.call, look)
    if found is None:
        raise CloudError(f"storage policy '{name}' does not exist in vCenter", facts=place.facts())
    return found


def compatible(place: Place, profile: str, known: list[Store]) -> list[Store]:
    """Those of the datastores on which a VM can keep the policy."""

    def look(_content: Any) -> set[str]:
        hubs = [pbm.placement.PlacementHub(hubType="Datastore", hubId=store.id) for store in known]
        wanted = [pbm.placement.CapabilityProfileRequirement(profileId=pbm.profile.ProfileId(uniqueId=profile))]
        found = _content_of(place).placementSolver.CheckRequirements(hubs, None, None, wanted)
        return {str(one.hub.hubId) for one in found or [] if not one.error}

    kept = place.session.ask(place.call, look)
    return [store for store in known if store.id in kept]


def _content_of(place: Place) -> Any:
    stub = SoapStubAdapter(
        host=place.config.host, port=place.config.port, path="/pbm/sdk", version=VERSION, poolSize=0,
        sslContext=place.session.context, httpConnectionTimeout=place.config.timeout,
        requestContext={"vcSessionCookie": place.session.cookie().partition("=")[2].strip('"')},
    )  # fmt: skip
    return pbm.ServiceInstance("ServiceInstance", stub).RetrieveContent()
