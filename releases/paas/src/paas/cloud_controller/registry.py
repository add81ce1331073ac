"""All nouns of the API: the one place that knows every room of this component."""

from __future__ import annotations

from paas.cloud_controller.api.call import Endpoint
from paas.cloud_controller.apps import actions as app_actions
from paas.cloud_controller.apps import delete as app_delete
from paas.cloud_controller.apps import endpoints as apps
from paas.cloud_controller.apps import environment as app_environment
from paas.cloud_controller.apps import features as app_features
from paas.cloud_controller.buildpacks import endpoints as buildpacks
from paas.cloud_controller.buildpacks import upload as buildpack_upload
from paas.cloud_controller.builds import endpoints as builds
from paas.cloud_controller.cleanup import blobs as cleanup_blobs
from paas.cloud_controller.deployments import endpoints as deployments
from paas.cloud_controller.droplets import endpoints as droplets
from paas.cloud_controller.events import endpoints as events
from paas.cloud_controller.health import bulk as health_bulk
from paas.cloud_controller.jobs import endpoints as jobs
from paas.cloud_controller.jobs.job import Work
from paas.cloud_controller.manifests import apply as manifest_apply
from paas.cloud_controller.manifests import endpoints as manifests
from paas.cloud_controller.packages import endpoints as packages
from paas.cloud_controller.packages import resources as package_resources
from paas.cloud_controller.packages import upload as package_upload
from paas.cloud_controller.processes import endpoints as processes
from paas.cloud_controller.processes import stats as process_stats
from paas.cloud_controller.revisions import endpoints as revisions
from paas.cloud_controller.root import endpoints as root
from paas.cloud_controller.stacks import endpoints as stacks
from paas.cloud_controller.staging import stage as staging
from paas.cloud_controller.tasks import endpoints as tasks
from paas.cloud_controller.tenancy import TENANCY_ENDPOINTS, TENANCY_WORKS

ENDPOINTS: list[Endpoint] = [
    *root.ENDPOINTS,
    *jobs.ENDPOINTS,
    *events.ENDPOINTS,
    *apps.ENDPOINTS,
    *app_environment.ENDPOINTS,
    *app_actions.ENDPOINTS,
    *app_features.ENDPOINTS,
    *processes.ENDPOINTS,
    *process_stats.ENDPOINTS,
    *packages.ENDPOINTS,
    *package_upload.ENDPOINTS,
    *package_resources.ENDPOINTS,
    *builds.ENDPOINTS,
    *droplets.ENDPOINTS,
    *buildpacks.ENDPOINTS,
    *buildpack_upload.ENDPOINTS,
    *stacks.ENDPOINTS,
    *TENANCY_ENDPOINTS,
    *manifests.ENDPOINTS,
    *health_bulk.ENDPOINTS,
    *deployments.ENDPOINTS,
    *tasks.ENDPOINTS,
    *revisions.ENDPOINTS,
]

WORKS: dict[str, Work] = {
    **app_delete.WORKS,
    **packages.WORKS,
    **droplets.WORKS,
    **buildpacks.WORKS,
    **buildpack_upload.WORKS,
    **staging.WORKS,
    **cleanup_blobs.WORKS,
    **TENANCY_WORKS,
    **manifest_apply.WORKS,
}
"""Operation -> the work of its jobs."""
