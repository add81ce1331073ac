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
from paas.cloud_controller.spaces import delete as space_delete
from paas.cloud_controller.spaces import endpoints as spaces

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
}
