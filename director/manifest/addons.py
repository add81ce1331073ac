"""Addons of runtime configs and manifests: read, filtered, placed into instance groups (reference §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field, structs

from director.manifest.jobs import JOB_TWICE, read_job
from director.manifest.reader import INVALID_VALUE, Node, did_you_mean
from director.model.deployment import Document, InstanceGroup, JobWanted
from director.model.errors import BadRequest, Faults, Place

RELEASE_NOT_LISTED = 530002
INCOMPLETE_JOB = 530004
INCOMPLETE_STEMCELL = 530005
DEPLOYMENTS_REFUSED = 530006


class Filter(Struct, frozen=True):
    """Every key that is given must match, by any of its items. Empty: an include matches all, an exclude nothing."""

    deployments: tuple[str, ...] = ()
    jobs: tuple[tuple[str, str], ...] = ()
    instance_groups: tuple[str, ...] = ()
    stemcells: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    azs: tuple[str, ...] = ()
    lifecycle: str = ""

    @property
    def empty(self) -> bool:
        return self == Filter()

    def matches(self, group: InstanceGroup, target: Target) -> bool:
        """Whether all keys given match the group."""
        held_jobs = {(job.name, job.release) for job in group.jobs}
        held_networks = {network.name for network in group.networks}
        return (
            (not self.deployments or target.deployment in self.deployments)
            and (not self.jobs or bool(held_jobs & set(self.jobs)))
            and (not self.instance_groups or group.name in self.instance_groups)
            and (not self.stemcells or target.stemcell_os.get(group.stemcell) in self.stemcells)
            and (not self.networks or bool(held_networks & set(self.networks)))
            and (not self.teams or bool(set(target.teams) & set(self.teams)))
            and (not self.azs or bool(set(group.azs) & set(self.azs)))
            and (not self.lifecycle or group.lifecycle == self.lifecycle)
        )


class Addon(Struct, frozen=True):
    """Jobs for every group that ``include`` matches and ``exclude`` does not; ``place`` is where it is written."""

    name: str
    jobs: tuple[JobWanted, ...]
    include: Filter = Filter()
    exclude: Filter = Filter()
    place: Place = field(default_factory=Place)

    def applies(self, group: InstanceGroup, target: Target) -> bool:
        if not self.include.matches(group, target):
            return False
        return self.exclude.empty or not self.exclude.matches(group, target)


class Target(Struct, frozen=True):
    """The deployment that addons go to; ``stemcell_os`` by stemcell alias."""

    deployment: str
    teams: tuple[str, ...] = ()
    stemcell_os: Mapping[str, str] = {}


def read_addons(node: Node, releases: Mapping[str, object], *, runtime: bool) -> tuple[Addon, ...]:
    """``releases`` are those listed beside them; each addon job must come from one."""
    return tuple(addon for item in node.items("addons") if (addon := _addon(item, releases, runtime)))


def place_addons(
    groups: Sequence[InstanceGroup], addons: Sequence[Addon], target: Target, faults: Faults
) -> list[InstanceGroup]:
    """The groups with the jobs of all addons that apply, in the addons' order."""
    out = list(groups)
    for addon in addons:
        chosen = [index for index, group in enumerate(out) if addon.applies(group, target)]
        for index in chosen:
            out[index] = _with_jobs(out[index], addon, faults)
    return out


def _with_jobs(group: InstanceGroup, addon: Addon, faults: Faults) -> InstanceGroup:
    jobs = list(group.jobs)
    for job in addon.jobs:
        if any(job.name == held.name for held in jobs):
            message = f"Colocated job '{job.name}' is already added to the instance group '{group.name}'"
            remedy = f"Addon '{addon.name}' places it: exclude the group there, or remove the job from the group."
            faults.add(BadRequest(message, code=JOB_TWICE, place=addon.place, remedy=remedy))
        else:
            jobs.append(job)
    return structs.replace(group, jobs=tuple(jobs))


def _addon(node: Node, releases: Mapping[str, object], runtime: bool) -> Addon | None:
    name = node.text("name")
    shared: Document | None = node.hash("properties") if "properties" in node else None
    jobs: list[JobWanted] = []
    for item in node.items("jobs"):
        job = read_job(item, shared)
        if job is None:
            continue
        if job.release not in releases:
            level = "runtime" if runtime else "deployment"
            message = (
                f"Manifest specifies job '{job.name}' which is defined in '{job.release}', but '{job.release}' is not"
                f" listed in the {level} releases section."
            )
            remedy = did_you_mean(job.release, releases)
            item.fault(message, remedy, code=RELEASE_NOT_LISTED, at="release")
        jobs.append(job)
    include, exclude = _filter(node, "include", runtime), _filter(node, "exclude", runtime)
    return Addon(name, tuple(jobs), include, exclude, node.source.place(node.path)) if name else None


def _filter(addon: Node, key: str, runtime: bool) -> Filter:
    node = addon.section(key)
    if node is None:
        return Filter()
    deployments = tuple(text for text, _ in node.texts("deployments"))
    if deployments and not runtime:
        message = "Deployment filter is not allowed for deployment level addons."
        node.fault(message, "Remove 'deployments'.", code=DEPLOYMENTS_REFUSED, at="deployments")
    lifecycle = node.text("lifecycle", required=False) or ""
    if lifecycle not in ("", "service", "errand"):
        message = f"Invalid lifecycle '{lifecycle}' in '{key}'"
        node.fault(message, "Use service or errand.", code=INVALID_VALUE, at="lifecycle")
    return Filter(
        deployments=deployments,
        jobs=_pairs(node, key),
        instance_groups=tuple(text for text, _ in node.texts("instance_groups")),
        stemcells=_systems(node, key),
        networks=tuple(text for text, _ in node.texts("networks")),
        teams=tuple(text for text, _ in node.texts("teams")) if runtime else (),
        azs=tuple(text for text, _ in node.texts("azs")),
        lifecycle=lifecycle,
    )


def _pairs(node: Node, section: str) -> tuple[tuple[str, str], ...]:
    out: list[tuple[str, str]] = []
    for item in node.items("jobs"):
        name, release = item.text("name", required=False), item.text("release", required=False)
        if name and release:
            out.append((name, release))
        else:
            message = f"Job in the {section} section must have both name and release."
            item.fault(message, f"Add '{'release' if name else 'name'}'.", code=INCOMPLETE_JOB)
    return tuple(out)


def _systems(node: Node, section: str) -> tuple[str, ...]:
    out: list[str] = []
    for item in node.items("stemcell"):
        os = item.text("os", required=False)
        if os:
            out.append(os)
        else:
            message = f"Stemcell in the {section} section must have an os name."
            item.fault(message, "Add 'os'.", code=INCOMPLETE_STEMCELL)
    return tuple(out)
