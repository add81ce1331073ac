"""Answers to what others ask the health manager."""

from __future__ import annotations

from paas.health_manager.core import Core
from paas.health_manager.wanted import indices
from paas.messages.health import (
    AppQuestion,
    CrashedInstance,
    CrashedInstances,
    Flapping,
    FlappingIndex,
    Healthy,
    KnownApp,
    KnownInstance,
    StatusQuestion,
)


def status(core: Core, asked: StatusQuestion) -> Flapping | CrashedInstances:
    """Indices that crash again and again, or instances that crashed a short time ago."""
    if asked.state == "CRASHED":
        crashed = core.crashed.get(asked.droplet, {})
        return CrashedInstances(
            instances=[CrashedInstance(instance=key, since=one.stamp) for key, one in crashed.items()]
        )
    return Flapping(
        indices=[
            FlappingIndex(index=index, since=one.stamp)
            for (app, version, index), one in sorted(core.crashes.items())
            if app == asked.droplet and version == asked.version and one.flapping(core.timings)
        ]
    )


def health(core: Core, asked: AppQuestion) -> Healthy | None:
    """How many of the wanted indices run; None for an app that is not known."""
    if (desired := core.wanted.get(asked.droplet)) is None:
        return None
    running = {
        one.beat.index
        for one in core.actual.of(asked.droplet)
        if one.beat.version == asked.version and one.beat.state == "RUNNING"
    }
    return Healthy(droplet=asked.droplet, version=asked.version, healthy=len(running.intersection(indices(desired))))


def droplet(core: Core, asked: AppQuestion) -> KnownApp | None:
    """All that is known of an app; None for one that is not known."""
    if (desired := core.wanted.get(asked.droplet)) is None:
        return None
    return KnownApp(
        id=asked.droplet,
        state=desired.state,
        live_version=desired.version,
        num_instances=desired.instances,
        package_state=desired.package_state,
        last_updated=desired.updated_at,
        instances=[
            KnownInstance(
                dea=one.dea,
                instance=one.beat.instance,
                version=one.beat.version,
                index=one.beat.index,
                state=one.beat.state,
                state_timestamp=one.beat.state_timestamp,
            )
            for one in core.actual.of(asked.droplet)
        ],
        crashes={str(index): one.count for (app, _, index), one in core.crashes.items() if app == asked.droplet},
    )
