"""From a checked manifest to the specs of its instances: cloud properties merged, jobs with their visible properties and links, digests of all
that their templates can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from director.manifest.properties import visible_properties
from director.manifest.variables import used_variables
from director.model.cloud_config import Az, CloudConfig
from director.model.deployment import Deployment, Document, InstanceGroup, JobWanted
from director.model.instance import DiskSpec, InstanceSpec, JobSpec, PackageSpec, VmSpec
from director.model.rows import JobRow, ReleaseRow, StemcellRow
from director.plan.packages import package_of, package_spec
from director.plan.place import Placed, Placement
from director.service.catalogue import job_of, stemcell_for
from director.service.digest import digest


class Bound(Struct, frozen=True):
    """A manifest with everything that its names mean. ``links``: (group, job) → link name → content."""

    deployment: Deployment
    cloud: CloudConfig
    releases: dict[str, ReleaseRow]
    stemcells: dict[str, list[StemcellRow]]
    links: Mapping[tuple[str, str], Mapping[str, Document]]
    pins: dict[str, str]
    calculated: dict[str, Document]
    dns_domain: str = "bosh"


class JobContext(Struct, frozen=True):
    """A job of an instance with what its templates see, still uninterpolated."""

    row: JobRow
    spec: JobSpec
    context: Document


def instance_specs(bound: Bound, placement: Placement) -> list[tuple[InstanceSpec, list[JobContext]]]:
    """All instances in manifest order, before rendering."""
    return [
        _instance(bound, group, placed)
        for group in bound.deployment.instance_groups
        for placed in placement.of(group.name)
    ]


def _instance(bound: Bound, group: InstanceGroup, placed: Placed) -> tuple[InstanceSpec, list[JobContext]]:
    az = bound.cloud.azs.get(placed.az, Az(placed.az))
    stemcell = stemcell_for(bound.stemcells[group.stemcell], az.cpi, group.stemcell)
    vm = VmSpec(
        cpi=az.cpi,
        stemcell_name=stemcell.name,
        stemcell_version=stemcell.version,
        stemcell_os=stemcell.operating_system,
        cloud_properties=cloud_properties(bound, group, az),
        env=group.env,
        networks=placed.networks,
        vm_type=group.vm_type or "",
    )
    jobs = [_job(bound, group, job, placed) for job in group.jobs]
    spec = InstanceSpec(
        deployment=bound.deployment.name,
        group=group.name,
        id=placed.id,
        index=placed.index,
        az=placed.az,
        bootstrap=placed.bootstrap,
        vm=vm,
        jobs=tuple(one.spec for one in jobs),
        packages=_packages(bound, group, jobs),
        disk=DiskSpec(group.disk.size, group.disk.name, group.disk.cloud_properties) if group.disk else None,
        lifecycle=group.lifecycle,
        state=_state(group, placed),
        tags={**bound.deployment.tags, **group.tags},
        dns_domain_name=bound.dns_domain,
    )
    return spec, jobs


def cloud_properties(bound: Bound, group: InstanceGroup, az: Az) -> Document:
    """Shallow merge: AZ, then VM type (or what the CPI calculated for vm_resources), then extensions in listed order."""
    merged: Document = dict(az.cloud_properties)
    if group.vm_type is not None:
        merged.update(bound.cloud.vm_types[group.vm_type].cloud_properties)
    else:
        merged.update(bound.calculated.get(resources_key(group, az), {}))
    for name in group.vm_extensions:
        merged.update(bound.cloud.vm_extensions[name].cloud_properties)
    return merged


def resources_key(group: InstanceGroup, az: Az) -> str:
    """Under which a CPI's answer for vm_resources is kept."""
    return f"vm_resources/{az.cpi}/{digest(group.vm_resources)}"


def _state(group: InstanceGroup, placed: Placed) -> str:
    wanted = group.instance_states.get(str(placed.index), group.instance_states.get(placed.id, ""))
    if wanted in ("started", "stopped", "detached"):
        return wanted
    if placed.row is not None and placed.row.state in ("stopped", "detached") and group.state == "started":
        return placed.row.state
    return group.state if group.state in ("started", "stopped", "detached") else "started"


def _packages(bound: Bound, group: InstanceGroup, jobs: Sequence[JobContext]) -> tuple[PackageSpec, ...]:
    found: dict[str, PackageSpec] = {}
    for job, wanted in zip(jobs, group.jobs, strict=True):
        release = bound.releases[wanted.release]
        for name in job.row.packages:
            found[name] = package_spec(release, package_of(release, name))
    return tuple(found[name] for name in sorted(found))


def _job(bound: Bound, group: InstanceGroup, wanted: JobWanted, placed: Placed) -> JobContext:
    release = bound.releases[wanted.release]
    row = job_of(release, wanted.name, group.name)
    properties = visible_properties(row, wanted, group.name)
    links: Document = dict(bound.links.get((group.name, wanted.name), {}))
    context: Document = {
        "spec": spec_context(bound, group, placed, release, row),
        "properties": properties,
        "links": links,
    }
    used = sorted(used_variables([properties, links]))
    inputs = digest(row.fingerprint, context, [(name, bound.pins.get(name)) for name in used])
    spec = JobSpec(
        name=wanted.name,
        release=release.name,
        release_version=release.version,
        fingerprint=row.fingerprint,
        inputs=inputs,
        properties=properties,
        links=links,
        scripts=_scripts(row),
    )
    return JobContext(row, spec, context)


def _scripts(job: JobRow) -> tuple[str, ...]:
    targets = [str(target) for target in (job.spec.get("templates") or {}).values()]
    return tuple(sorted(target.removeprefix("bin/") for target in targets if target.startswith("bin/")))


def spec_context(bound: Bound, group: InstanceGroup, placed: Placed, release: ReleaseRow, job: JobRow) -> Document:
    """``spec`` as templates see it (formats contract §4)."""
    addressable = _addressable(group)
    networks: Document = {
        name: _network(settings, bound, group, placed, name) for name, settings in placed.networks.items()
    }
    address = str(networks.get(addressable, {}).get("ip") or "127.0.0.1")
    return {
        "deployment": bound.deployment.name,
        "name": group.name,
        "index": placed.index,
        "id": placed.id,
        "az": placed.az or None,
        "bootstrap": placed.bootstrap,
        "address": address,
        "ip": address,
        "dns_domain_name": bound.dns_domain,
        "networks": networks,
        "persistent_disk": group.disk.size if group.disk else 0,
        "release": {"name": release.name, "version": release.version},
        "job": {"name": group.name},
    }


def _network(settings: Document, bound: Bound, group: InstanceGroup, placed: Placed, name: str) -> Document:
    labels = (placed.id, group.name, name, bound.deployment.name)
    record = ".".join((*(one.lower().replace("_", "-") for one in labels), bound.dns_domain))
    unknown: dict[str, Any] = (
        {"ip": "127.0.0.1", "netmask": "127.0.0.1", "gateway": "127.0.0.1"} if settings.get("type") == "dynamic" else {}
    )
    return {**unknown, **settings, "dns_record_name": record}


def _addressable(group: InstanceGroup) -> str:
    for key in ("addressable", "gateway"):
        for one in group.networks:
            if key in one.default:
                return one.name
    return group.networks[0].name if group.networks else ""
