"""The flags there are, and whether one is on."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.schema import feature_flags
from paas.database.transaction import Transaction

DEFAULTS: dict[str, bool] = {
    "app_bits_upload": True,
    "app_scaling": True,
    "diego_cnb": False,
    "diego_docker": False,
    "env_var_visibility": True,
    "hash_based_routing": False,
    "hide_marketplace_from_unauthenticated_users": False,
    "private_domain_creation": True,
    "resource_matching": True,
    "route_creation": True,
    "route_sharing": False,
    "service_instance_creation": True,
    "service_instance_sharing": False,
    "set_roles_by_username": True,
    "space_developer_env_var_visibility": True,
    "space_scoped_private_broker_creation": True,
    "task_creation": True,
    "unset_roles_by_username": True,
    "user_org_creation": False,
}
"""Flag -> what holds until an admin changes it."""


async def need_flag(db: Transaction, who: Identity, name: str) -> None:
    """403 where the flag is off; an admin is not bound by flags."""
    if who.admin:
        return
    row = (await db.execute(sa.select(feature_flags).where(feature_flags.c.name == name))).first()
    if not (DEFAULTS[name] if row is None else row.enabled):
        why = (row.custom_error_message if row is not None else None) or name
        raise ApiError(403, 330002, "CF-FeatureDisabled", f"Feature Disabled: {why}")
