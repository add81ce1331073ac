"""From a checked manifest to the specs of its instances: cloud properties merged, jobs with their visible properties and links, digests of all
that their templates can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from director.manifest.properties import visible_properties
from director.model.cloud_config import Az, CloudConfig
from director.model.deployment import Deployment, Document, InstanceGroup, JobWanted
from director.model.instance import DiskSpec, InstanceSpec, JobSpec, PackageSpec, VmSpec
from director.model.placeholders import absolute_name, used_variables
from director.model.rows import JobRow, ReleaseRow, StemcellRow
from director.plan.packages import package_of, package_spec
from director.plan.place import Placed, Placement
from director.service.catalogue import job_of, stemcell_for
from director.service.digest import digest


class Bound(Struct, frozen=True):
    """A manifest with everything that its names mean. ``links``: (group, job) → link name → content; ``pins``: by absolute name."""

    deployment: Deployment
    cloud: CloudConfig
    releases: dict[str, ReleaseRow]
    stemcells: dict[str, list[StemcellRow]]
    links: Mapping[tuple[str, str], Mapping[str, Document]]
    pins: dict[str, str]
    calculated: dict[str, Document]
    dns_domain: str = "bosh"
    director: str = ""


class JobContext(Struct, frozen=True):
    """A job of an instance with what its templates see, still uninterpolated."""

    row: JobRow
    spec: JobSpec
    context: Document


class JobBinding(Struct, frozen=True):
    """What is the same for a job on all instances of its group. ``seen`` digests it: a link may tell of a thousand instances."""

    wanted: JobWanted
    release: ReleaseRow
    row: JobRow
    properties: Document
    links: Document
    told: Document
    seen: str


def instance_specs(bound: Bound, placement: Placement) -> list[tuple[InstanceSpec, list[JobContext]]]:
    """All instances in manifest order, before rendering."""
    specs: list[tuple[InstanceSpec, list[JobContext]]] = []
    for group in bound.deployment.instance_groups:
        jobs = [_binding(bound, group, job) for job in group.jobs]
        packages = _packages(jobs)
        azs: dict[str, tuple[Az, StemcellRow, Document]] = {}
        for placed in placement.of(group.name):
            if placed.az not in azs:
                az = bound.cloud.azs.get(placed.az, Az(placed.az))
                stemcell = stemcell_for(bound.stemcells[group.stemcell], az.cpi, group.stemcell)
                azs[placed.az] = az, stemcell, cloud_properties(bound, group, az)
            specs.append(_instance(bound, group, placed, jobs, packages, *azs[placed.az]))
    return specs


def _binding(bound: Bound, group: InstanceGroup, wanted: JobWanted) -> JobBinding:
    release = bound.releases[wanted.release]
    row = job_of(release, wanted.name, group.name)
    properties = visible_properties(row, wanted, group.name)
    links: Document = dict(bound.links.get((group.name, wanted.name), {}))
    names = {absolute_name(one, bound.director, bound.deployment.name) for one in used_variables([properties, links])}
    seen = digest(row.fingerprint, properties, links, [(name, bound.pins.get(name)) for name in sorted(names)])
    told = {name: _told(content) for name, content in links.items()}
    return JobBinding(wanted, release, row, properties, links, told, seen)


def _told(content: Document) -> Document:
    """What causes tell of a link; its content may be long, and every instance's row keeps this."""
    addresses = [str(one.get("address")) for one in content.get("instances") or ()]
    return {
        "instances": len(addresses),
        "addresses": ", ".join(addresses[:8]) + (" …" if len(addresses) > 8 else ""),
        "properties": content.get("properties") or {},
        "digest": digest(content)[:16],
    }


def _instance(
    bound: Bound,
    group: InstanceGroup,
    placed: Placed,
    bindings: Sequence[JobBinding],
    packages: tuple[PackageSpec, ...],
    az: Az,
    stemcell: StemcellRow,
    properties: Document,
) -> tuple[InstanceSpec, list[JobContext]]:
    vm = vm_spec(group, placed, az, stemcell, properties)
    jobs = [_job(bound, group, one, placed) for one in bindings]
    spec = InstanceSpec(
        deployment=bound.deployment.name,
        group=group.name,
        id=placed.id,
        index=placed.index,
        az=placed.az,
        bootstrap=placed.bootstrap,
        vm=vm,
        jobs=tuple(one.spec for one in jobs),
        packages=packages,
        disk=DiskSpec(group.disk.size, group.disk.name, group.disk.cloud_properties) if group.disk else None,
        lifecycle=group.lifecycle,
        state=_state(group, placed),
        tags={**bound.deployment.tags, **group.tags},
        dns_domain_name=bound.dns_domain,
    )
    return spec, jobs


def vm_spec(group: InstanceGroup, placed: Placed, az: Az, stemcell: StemcellRow, properties: Document) -> VmSpec:
    """An instance's VM."""
    return VmSpec(
        cpi=az.cpi,
        stemcell_name=stemcell.name,
        stemcell_version=stemcell.version,
        stemcell_os=stemcell.operating_system,
        cloud_properties=properties,
        env=group.env,
        networks=placed.networks,
        vm_type=group.vm_type or "",
    )


def cloud_properties(bound: Bound, group: InstanceGroup, az: Az) -> Document:
    """Shallow merge: AZ, then VM type (or what the CPI calculated for vm_resources), then extensions in listed order."""
    merged: Document = dict(az.cloud_properties)
    if group.vm_type is not None:
        merged.update(bound.cloud.vm_types[group.vm_type].cloud_properties)
    else:
        merged.update(bound.calculated.get(resources_key(group.vm_resources or {}, az), {}))
    for name in group.vm_extensions:
        merged.update(bound.cloud.vm_extensions[name].cloud_properties)
    return merged


def resources_key(resources: Mapping[str, int], az: Az) -> str:
    """Under which a CPI's answer for vm_resources is kept."""
    return f"vm_resources/{az.cpi}/{digest(dict(resources))}"


def _state(group: InstanceGroup, placed: Placed) -> str:
    wanted = group.instance_states.get(str(placed.index), group.instance_states.get(placed.id, ""))
    if wanted in ("started", "stopped", "detached"):
        return wanted
    if placed.row is not None and placed.row.state in ("stopped", "detached") and group.state == "started":
        return placed.row.state
    return group.state if group.state in ("started", "stopped", "detached") else "started"


def _packages(jobs: Sequence[JobBinding]) -> tuple[PackageSpec, ...]:
    found = {
        name: package_spec(job.release, package_of(job.release, name)) for job in jobs for name in job.row.packages
    }
    return tuple(found[name] for name in sorted(found))


def _job(bound: Bound, group: InstanceGroup, job: JobBinding, placed: Placed) -> JobContext:
    own = spec_context(bound, group, placed, job.release, job.row)
    spec = JobSpec(
        name=job.wanted.name,
        release=job.release.name,
        release_version=job.release.version,
        fingerprint=job.row.fingerprint,
        inputs=digest(job.seen, own),
        properties=job.properties,
        links=job.told,
        scripts=_scripts(job.row),
    )
    return JobContext(job.row, spec, {"spec": own, "properties": job.properties, "links": job.links})


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
