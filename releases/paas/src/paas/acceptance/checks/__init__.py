"""The checks, in the order in which they run: what later ones use comes first."""

from __future__ import annotations

from paas.acceptance.checks.access import a_quota_is_kept, an_auditor_may_not_change
from paas.acceptance.checks.healing import a_crash_is_healed, crashes_are_events
from paas.acceptance.checks.isolation import (
    a_cpu_hog_is_held,
    a_disk_filler_is_held,
    a_fork_bomb_is_held,
    a_memory_hog_is_ended,
    an_app_is_nobody,
    nothing_forbidden_is_reached,
)
from paas.acceptance.checks.languages import binary_runs, logs_are_told, node_runs, python_runs, static_runs
from paas.acceptance.checks.routing import (
    a_session_sticks,
    a_websocket_is_passed,
    large_bodies_are_passed,
    unknown_hosts_are_refused,
)
from paas.acceptance.checks.scaling import one_becomes_four_and_two
from paas.acceptance.checks.services import (
    an_external_service_is_bound,
    postgres_is_bound,
    redis_is_bound,
    user_provided_is_injected,
)
from paas.acceptance.run import Check

SMOKE: list[Check] = [python_runs, static_runs, logs_are_told]
ACCEPTANCE: list[Check] = [
    python_runs,
    node_runs,
    static_runs,
    binary_runs,
    logs_are_told,
    a_session_sticks,
    a_websocket_is_passed,
    large_bodies_are_passed,
    unknown_hosts_are_refused,
    one_becomes_four_and_two,
    a_crash_is_healed,
    crashes_are_events,
    postgres_is_bound,
    redis_is_bound,
    user_provided_is_injected,
    an_external_service_is_bound,
    an_auditor_may_not_change,
    a_quota_is_kept,
    a_fork_bomb_is_held,
    a_disk_filler_is_held,
    a_cpu_hog_is_held,
    an_app_is_nobody,
    nothing_forbidden_is_reached,
    a_memory_hog_is_ended,
]
