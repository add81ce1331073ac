"""The tables, by nouns. Importing this package makes all of them known to `metadata`."""

from __future__ import annotations

from paas.cloud_controller.schema.apps import (
    apps,
    buildpacks,
    builds,
    crashes,
    deployments,
    droplets,
    packages,
    processes,
    revisions,
    stacks,
    tasks,
)
from paas.cloud_controller.schema.base import metadata
from paas.cloud_controller.schema.routing import destinations, domains, domains_shared_organizations, routes
from paas.cloud_controller.schema.services import (
    service_bindings,
    service_brokers,
    service_instances,
    service_instances_shared_spaces,
    service_offerings,
    service_plan_organizations,
    service_plans,
)
from paas.cloud_controller.schema.tenancy import (
    environment_variable_groups,
    feature_flags,
    organization_quotas,
    organizations,
    roles,
    security_groups,
    security_groups_spaces,
    space_quotas,
    spaces,
    users,
)
from paas.cloud_controller.schema.work import audit_events, jobs, leases, outbox, resources

__all__ = [
    "apps",
    "audit_events",
    "buildpacks",
    "builds",
    "crashes",
    "deployments",
    "destinations",
    "domains",
    "domains_shared_organizations",
    "droplets",
    "environment_variable_groups",
    "feature_flags",
    "jobs",
    "leases",
    "metadata",
    "organization_quotas",
    "organizations",
    "outbox",
    "packages",
    "processes",
    "resources",
    "revisions",
    "roles",
    "routes",
    "security_groups",
    "security_groups_spaces",
    "service_bindings",
    "service_brokers",
    "service_instances",
    "service_instances_shared_spaces",
    "service_offerings",
    "service_plan_organizations",
    "service_plans",
    "space_quotas",
    "spaces",
    "stacks",
    "tasks",
    "users",
]
