"""Compile one package: dependencies in, ``packaging`` run, result packed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.blobs import digest
from agent.blobs.store import BlobRef
from agent.errors import AgentError
from agent.jobs import bundle, install
from agent.process.command import command
from agent.process.script import Phase, Script
from agent.shapes import Json, object_or_empty

if TYPE_CHECKING:
    from agent.tasks.call import Call
    from agent.vm import Vm


def compile_package(
    vm: Vm, call: Call, source: BlobRef, name: str, version: str, dependencies: Json, deliver: Callable[[Path], Json]
) -> Json:
    """Compile and hand the packed result to ``deliver``, whose keys join ``sha1``. AgentError if packaging fails."""
    finished = call.noted("compiled")
    if finished is not None:
        return object_or_empty(finished)
    layout = vm.layout
    work = layout.compile / name
    target = layout.data / "packages" / name / bundle.key_of(version, "compiled")
    logs = layout.data / "compile-logs"
    script = Script(
        call.run_folder / "packaging",
        ["/bin/bash", "-x", "packaging"],
        cwd=work,
        env={
            "BOSH_COMPILE_TARGET": str(work),
            "BOSH_INSTALL_TARGET": str(layout.packages / name),
            "BOSH_PACKAGE_NAME": name,
            "BOSH_PACKAGE_VERSION": version,
            "HOME": str(work),
        },
        stdout=logs / f"{name}.stdout.log",
        stderr=logs / f"{name}.stderr.log",
    )
    if script.phase in (Phase.NEW, Phase.LOST):
        _lay_out(vm, source, work, target, layout.packages / name, object_or_empty(dependencies))
        for stream in logs.glob(f"{name}.std*.log"):
            stream.unlink()
        if (work / "packaging").is_file():
            script.start()
    try:
        # A source without a packaging script makes an empty package.
        code = 0 if script.phase is Phase.NEW else script.wait()
        if code is None:
            raise AgentError(f"compiling package {name}: packaging was killed from outside")
        if code != 0:
            raise AgentError(f"compiling package {name}: packaging exited with {code}; {_tail(logs, name)}")
        with vm.blobs.scratch() as folder:
            packed = folder / f"{name}.tgz"
            command(["tar", "-czf", packed, "-C", target, "."])
            result = {"result": {**deliver(packed), "sha1": digest.of_file(packed)}}
            call.note("compiled", result)
            return result
    finally:
        _clean_up(vm, work)


def _lay_out(vm: Vm, source: BlobRef, work: Path, target: Path, place: Path, dependencies: Json) -> None:
    needed = {name: object_or_empty(entry) for name, entry in dependencies.items()}
    install.fetch_packages(vm, needed)
    for name, entry in needed.items():
        bundle.link(vm.layout.packages / name, install.package_folder(vm, name, entry))
    shutil.rmtree(work, ignore_errors=True)
    install.unpack(vm, source, work)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    bundle.link(place, target)


def _clean_up(vm: Vm, work: Path) -> None:
    # A compilation VM may compile the next package with other dependencies: nothing may be left to find.
    shutil.rmtree(work, ignore_errors=True)
    kept = vm.spec.current.packages
    bundle.unlink_others(vm.layout.packages, set(kept))
    for name, entry in kept.items():
        bundle.link(vm.layout.packages / name, install.package_folder(vm, name, entry))
    bundle.remove_others(
        vm.layout.data / "packages", {install.package_folder(vm, name, entry) for name, entry in kept.items()}
    )


def _tail(logs: Path, name: str) -> str:
    parts: list[str] = []
    for stream in ("stdout", "stderr"):
        path = logs / f"{name}.{stream}.log"
        text = path.read_text(errors="replace").strip() if path.exists() else ""
        if text:
            parts.append(f"last {stream}: {text[-2000:]}")
    return "; ".join(parts) or "it printed nothing"
