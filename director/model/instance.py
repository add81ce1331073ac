"""What one instance should be, or was last made to be. Wanted and applied have the same shape, so that a diff is a comparison.

Nothing here holds a secret: values keep their ``((variables))``; secrets enter by variable ids and digests.
"""

from __future__ import annotations

from msgspec import Struct, field

from director.model.deployment import Document


class VmSpec(Struct, frozen=True):
    """What decides whether a VM must be made anew: stemcell, cloud properties, env, network settings (create_vm's argument shape)."""

    cpi: str
    stemcell_name: str
    stemcell_version: str
    stemcell_os: str
    cloud_properties: Document = field(default_factory=dict)
    env: Document = field(default_factory=dict)
    networks: Document = field(default_factory=dict)
    vm_type: str = ""


class DiskSpec(Struct, frozen=True):
    """The managed persistent disk: size in MiB."""

    size: int
    name: str = ""
    cloud_properties: Document = field(default_factory=dict)


class PackageSpec(Struct, frozen=True):
    """A run-time package, by the identity of its compiled form."""

    name: str
    fingerprint: str
    dependency_key: str = "[]"


class JobSpec(Struct, frozen=True):
    """A job by its release and fingerprint. ``properties`` are the visible ones, uninterpolated (for causes); ``inputs`` digests everything
    that its templates can see (properties, variable ids, links, spec), so that an unchanged input never restarts a job. ``scripts`` are the
    names of its templates below bin/."""

    name: str
    release: str
    release_version: str
    fingerprint: str
    inputs: str
    properties: Document = field(default_factory=dict)
    links: Document = field(default_factory=dict)
    scripts: tuple[str, ...] = ()


class InstanceSpec(Struct, frozen=True):
    """All of it. ``configuration_hash`` and ``templates_blob``/``templates_digest`` come from rendering (empty before)."""

    deployment: str
    group: str
    id: str
    index: int
    az: str
    bootstrap: bool
    vm: VmSpec
    jobs: tuple[JobSpec, ...]
    packages: tuple[PackageSpec, ...]
    disk: DiskSpec | None = None
    lifecycle: str = "service"
    state: str = "started"
    tags: dict[str, str] = field(default_factory=dict)
    configuration_hash: str = ""
    templates_blob: str = ""
    templates_digest: str = ""
    template_hashes: dict[str, str] = field(default_factory=dict)
    dns_domain_name: str = "bosh"

    @property
    def name(self) -> str:
        """``group/uuid``."""
        return f"{self.group}/{self.id}"

    @property
    def stemcell(self) -> str:
        """``os/version``, the form that compiled packages are matched by."""
        return f"{self.vm.stemcell_os}/{self.vm.stemcell_version}"
