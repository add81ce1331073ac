"""Resurrection configs: for which instance groups VMs come back by themselves (manifest contract §3)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Filter(Struct, frozen=True):
    """Names of deployments and of instance groups; an empty list is no condition."""

    deployments: tuple[str, ...] = ()
    instance_groups: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.deployments or self.instance_groups)

    def meets(self, deployment: str, group: str) -> bool:
        """Both conditions, where there are any."""
        return (not self.deployments or deployment in self.deployments) and (
            not self.instance_groups or group in self.instance_groups
        )


class ResurrectionRule(Struct, frozen=True):
    """Applies to what ``include`` meets (empty: everything) and ``exclude`` does not (empty: excludes nothing)."""

    enabled: bool
    include: Filter = Filter()
    exclude: Filter = Filter()

    def applies(self, deployment: str, group: str) -> bool:
        excluded = not self.exclude.empty and self.exclude.meets(deployment, group)
        return self.include.meets(deployment, group) and not excluded


def resurrection_enabled(rules: Sequence[ResurrectionRule], deployment: str, group: str) -> bool:
    """Unless a rule that applies says otherwise."""
    return all(rule.enabled for rule in rules if rule.applies(deployment, group))
