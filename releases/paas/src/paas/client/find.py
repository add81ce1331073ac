"""Finds things by name: in the space that is targeted, in an organization, or on the platform."""

from __future__ import annotations

from paas.client.api import Json
from paas.client.errors import ClientError, not_found
from paas.client.session import Session

ROLES = {
    "OrgManager": "organization_manager",
    "OrgAuditor": "organization_auditor",
    "BillingManager": "organization_billing_manager",
    "SpaceManager": "space_manager",
    "SpaceDeveloper": "space_developer",
    "SpaceAuditor": "space_auditor",
    "SpaceSupporter": "space_supporter",
}
"""Roles as users write them, and as the API does."""


def org(session: Session, name: str) -> Json:
    """The organization."""
    found = session.api.first("/v3/organizations", names=name)
    return found or _none("organization", name, "", "paas orgs")


def space(session: Session, name: str, org_name: str = "") -> Json:
    """The space, of the organization that is named or targeted."""
    guid = org(session, org_name)["guid"] if org_name else session.org.guid
    found = session.api.first("/v3/spaces", names=name, organization_guids=guid)
    return found or _none("space", name, f"organization {org_name or session.org.name}", "paas spaces")


def app(session: Session, name: str) -> Json:
    """The app of the targeted space."""
    found = session.api.first("/v3/apps", names=name, space_guids=session.space.guid)
    return found or _none("app", name, session.where, "paas apps")


def web(session: Session, guid: str) -> Json:
    """The app's web process."""
    return session.api.get(f"/v3/apps/{guid}/processes/web")


def instance(session: Session, name: str) -> Json:
    """The service instance of the targeted space."""
    found = session.api.first("/v3/service_instances", names=name, space_guids=session.space.guid)
    return found or _none("service instance", name, session.where, "paas services")


def offering(session: Session, name: str, broker: str = "") -> Json:
    """The service."""
    query = {"names": name} | ({"service_broker_names": broker} if broker else {})
    found = session.api.list("/v3/service_offerings", **query)
    if len(found) > 1:
        raise ClientError(f"Several brokers offer a service '{name}'.", "Say which by -b BROKER.")
    return found[0] if found else _none("service", name, "", "paas marketplace")


def plan(session: Session, service: str, name: str, broker: str = "") -> Json:
    """A plan of the service."""
    query = {"names": name, "service_offering_names": service} | ({"service_broker_names": broker} if broker else {})
    found = session.api.list("/v3/service_plans", space_guids=session.space.guid, **query)
    if len(found) > 1:
        raise ClientError(
            f"Several brokers offer a service '{service}' with a plan '{name}'.", "Say which by -b BROKER."
        )
    if not found:
        offered = session.api.list("/v3/service_plans", service_offering_names=service, space_guids=session.space.guid)
        if offered:
            names = ", ".join(sorted(one["name"] for one in offered))
            raise ClientError(f"Service '{service}' has no plan '{name}'.", f"It has: {names}.")
        raise not_found("service", service, "the marketplace", "paas marketplace")
    return found[0]


def broker(session: Session, name: str) -> Json:
    """The service broker."""
    return session.api.first("/v3/service_brokers", names=name) or _none(
        "service broker", name, "", "paas service-brokers"
    )


def buildpack(session: Session, name: str) -> Json:
    """The platform's buildpack."""
    return session.api.first("/v3/buildpacks", names=name) or _none("buildpack", name, "", "paas buildpacks")


def domain(session: Session, name: str) -> Json:
    """The domain."""
    return session.api.first("/v3/domains", names=name) or _none("domain", name, "", "paas domains")


def quota(session: Session, name: str) -> Json:
    """The organizations' quota."""
    found = session.api.first("/v3/organization_quotas", names=name)
    return found or _none("quota", name, "", "paas org-quotas")


def user(session: Session, name: str) -> Json:
    """The user, as the cloud controller knows it."""
    return session.api.first("/v3/users", usernames=name) or _none("user", name, "", "paas create-user")


def role(name: str, kind: str) -> str:
    """The API's word for a role of `kind`: organization or space."""
    wanted = name.lower().replace("_", "")
    for word, api in ROLES.items():
        if wanted in (word.lower(), api.replace("_", "")) and api.startswith(kind):
            return api
    known = ", ".join(word for word, api in ROLES.items() if api.startswith(kind))
    raise ClientError(
        f"There is no role '{name}' in {'an organization' if kind == 'organization' else 'a space'}.",
        f"There are: {known}.",
    )


def relation(kind: str, guid: str) -> Json:
    """A body's ``relationships``."""
    return {"relationships": {kind: {"data": {"guid": guid}}}}


def _none(kind: str, name: str, where: str, command: str) -> Json:
    raise not_found(kind, name, where, f"See: {command}")
