"""The nouns around apps: organizations, spaces, users, quotas, domains, routes, flags, security groups, services."""

from __future__ import annotations

from paas.cloud_controller.api.call import Endpoint
from paas.cloud_controller.domains import endpoints as domains
from paas.cloud_controller.flags import endpoints as flags
from paas.cloud_controller.jobs.job import Work
from paas.cloud_controller.organizations import delete as organization_delete
from paas.cloud_controller.organizations import endpoints as organizations
from paas.cloud_controller.quotas import organization_quotas, space_quotas
from paas.cloud_controller.roles import endpoints as roles
from paas.cloud_controller.roles import user_endpoints as users
from paas.cloud_controller.routes import destinations
from paas.cloud_controller.routes import endpoints as routes
from paas.cloud_controller.security_groups import endpoints as security_groups
from paas.cloud_controller.services import bind as service_bind
from paas.cloud_controller.services import bindings as service_bindings
from paas.cloud_controller.services import brokers as service_brokers
from paas.cloud_controller.services import instance_change, orphans, provision, synchronize
from paas.cloud_controller.services import instances as service_instances
from paas.cloud_controller.services import offerings as service_offerings
from paas.cloud_controller.services import plans as service_plans
from paas.cloud_controller.services import remove as service_remove
from paas.cloud_controller.spaces import delete as space_delete
from paas.cloud_controller.spaces import endpoints as spaces
from paas.cloud_controller.variable_groups import endpoints as variable_groups

TENANCY_ENDPOINTS: list[Endpoint] = [
    *organizations.ENDPOINTS,
    *spaces.ENDPOINTS,
    *roles.ENDPOINTS,
    *users.ENDPOINTS,
    *organization_quotas.ENDPOINTS,
    *space_quotas.ENDPOINTS,
    *domains.ENDPOINTS,
    *routes.ENDPOINTS,
    *destinations.ENDPOINTS,
    *flags.ENDPOINTS,
    *security_groups.ENDPOINTS,
    *variable_groups.ENDPOINTS,
    *service_brokers.ENDPOINTS,
    *service_offerings.ENDPOINTS,
    *service_plans.ENDPOINTS,
    *service_instances.ENDPOINTS,
    *instance_change.ENDPOINTS,
    *service_bindings.ENDPOINTS,
]
TENANCY_WORKS: dict[str, Work] = {
    **organization_delete.WORKS,
    **space_delete.WORKS,
    **roles.WORKS,
    **users.WORKS,
    **organization_quotas.WORKS,
    **space_quotas.WORKS,
    **domains.WORKS,
    **routes.WORKS,
    **security_groups.WORKS,
    **synchronize.WORKS,
    **provision.WORKS,
    **service_bind.WORKS,
    **service_remove.WORKS,
    **orphans.WORKS,
}
