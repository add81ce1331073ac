"""Install the jobs and packages of a spec. Repeatable at every point: a version appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from agent.blobs.store import BlobRef, ref_of
from agent.errors import AgentError
from agent.jobs import bundle
from agent.jobs.spec import JobTemplate, Spec
from agent.process.command import command
from agent.shapes import Json, string_or_empty

if TYPE_CHECKING:
    from agent.vm import Vm


def job_folder(vm: Vm, spec: Spec, job: JobTemplate) -> Path:
    """The versioned folder of a job as rendered for ``spec``."""
    digest = string_or_empty(spec.templates_archive.get("sha1"))
    return vm.layout.data / "jobs" / job.name / bundle.key_of(job.version, digest)


def package_folder(vm: Vm, name: str, package: Json) -> Path:
    """The versioned folder of a compiled package."""
    key = bundle.key_of(string_or_empty(package.get("version")), string_or_empty(package.get("sha1")))
    return vm.layout.data / "packages" / name / key


def fetch_all(vm: Vm, spec: Spec) -> None:
    """Download and unpack what is not there yet."""
    fetch_jobs(vm, spec)
    fetch_packages(vm, spec.packages)


def fetch_packages(vm: Vm, packages: dict[str, Json]) -> None:
    """Download and unpack packages, a few at once."""
    missing = [(name, entry) for name, entry in packages.items() if not package_folder(vm, name, entry).is_dir()]
    if not missing:
        return
    width = vm.settings.bosh.get("parallel")
    with ThreadPoolExecutor(max_workers=width if isinstance(width, int) and width > 0 else 5) as pool:
        for done in [pool.submit(_fetch_package, vm, name, entry) for name, entry in missing]:
            done.result()


def _fetch_package(vm: Vm, name: str, entry: Json) -> None:
    unpack(vm, ref_of(entry), package_folder(vm, name, entry))


def unpack(vm: Vm, ref: BlobRef, target: Path) -> None:
    """Fetch a tar blob and unpack it to ``target``, which appears when complete."""
    partial = _partial(target)
    partial.mkdir()
    with vm.blobs.fetched(ref) as archive:
        command(["tar", "--no-same-owner", "-xf", archive, "-C", partial])
    _swap(partial, target)


def _partial(target: Path) -> Path:
    """A free name beside ``target``."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    return partial


def fetch_jobs(vm: Vm, spec: Spec) -> None:
    """Download the rendered templates and put each job's folder in place."""
    missing = [job for job in spec.jobs if not job_folder(vm, spec, job).is_dir()]
    if not missing:
        return
    if not spec.templates_archive:
        raise AgentError("apply spec: rendered_templates_archive is missing, though the spec has jobs")
    with vm.blobs.scratch() as folder:
        with vm.blobs.fetched(ref_of(spec.templates_archive)) as archive:
            command(["tar", "--no-same-owner", "-xf", archive, "-C", folder])
        for job in missing:
            rendered = folder / job.name
            if not rendered.is_dir():
                raise AgentError(f"the rendered templates hold no folder for job {job.name}")
            target = job_folder(vm, spec, job)
            partial = _partial(target)
            # The jobs may lie on another file system (in memory), so the last step is a rename within it.
            shutil.move(rendered, partial)
            _set_modes(vm, partial)
            _swap(partial, target)


def _set_modes(vm: Vm, folder: Path) -> None:
    vm.platform.own(folder, 0o750)
    for parent, folders, files in os.walk(folder):
        executable = Path(parent).relative_to(folder).parts[:1] == ("bin",)
        for name in folders:
            vm.platform.own(Path(parent, name), 0o750)
        for name in files:
            if not Path(parent, name).is_symlink():
                vm.platform.own(Path(parent, name), 0o750 if executable else 0o640)


def _swap(source: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(source)
        return
    source.rename(target)


def enable(vm: Vm, spec: Spec, previous: Spec) -> None:
    """Put the spec's versions in force, drop the links of others; keep the previous versions on disk."""
    layout = vm.layout
    packages = {name: package_folder(vm, name, entry) for name, entry in spec.packages.items()}
    for name, folder in packages.items():
        bundle.link(layout.packages / name, folder)
    for job in spec.jobs:
        folder = job_folder(vm, spec, job)
        for name, target in packages.items():
            bundle.link(folder / "packages" / name, target)
        bundle.unlink_others(folder / "packages", set(packages))
        for place in (layout.sys_log, layout.sys_run, layout.data):
            (place / job.name).mkdir(parents=True, exist_ok=True)
            vm.platform.own(place / job.name, 0o770)
        bundle.link(layout.jobs / job.name, folder)
    bundle.unlink_others(layout.jobs, {job.name for job in spec.jobs})
    bundle.unlink_others(layout.packages, set(packages))
    bundle.remove_others(
        layout.data / "jobs", {job_folder(vm, kept, job) for kept in (spec, previous) for job in kept.jobs}
    )
    bundle.remove_others(
        layout.data / "packages",
        {package_folder(vm, name, entry) for kept in (spec, previous) for name, entry in kept.packages.items()},
    )


def monit_files(vm: Vm, spec: Spec) -> dict[str, str]:
    """Label -> text of the jobs' monit files; numbered in reverse job order, empty ones left out."""
    found: dict[str, str] = {}
    jobs = spec.jobs
    for index, job in enumerate(jobs):
        number = f"{len(jobs) - 1 - index:04d}"
        folder = vm.layout.jobs / job.name
        sources = [(job.name, folder / "monit")]
        sources += [(f"{job.name}_{path.stem}", path) for path in sorted(folder.glob("*.monit"))]
        for label, path in sources:
            text = path.read_text() if path.exists() else ""
            if text.strip():
                found[f"{number}_{label}"] = text
    return found
