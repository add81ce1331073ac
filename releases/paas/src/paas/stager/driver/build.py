"""From a package to what belongs into the droplet: unpack, find the buildpacks, run them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from paas.stager.driver import layout
from paas.stager.driver.failure import StagingError
from paas.stager.driver.fetch import fetch
from paas.stager.driver.plan import Buildpack, Plan, Result
from paas.stager.driver.script import ask, complain, environment, run, say
from paas.stager.driver.zips import ZipRefusedError, unpack

MOST_PROCFILE = 64 << 10
LAUNCH = """\
# What buildpacks supplied, for the application when it runs.
for one in "${DEPS_DIR:-/home/vcap/deps}"/*; do
  if [ -d "$one/bin" ]; then export PATH="$one/bin:$PATH"; fi
  if [ -d "$one/lib" ]; then export LD_LIBRARY_PATH="$one/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; fi
  for file in "$one"/env/*; do
    name=${file##*/}
    if [ -f "$file" ] && [ -z "${!name+set}" ]; then export "$name=$(cat "$file")"; fi
  done
done
unset one file name
"""


def build(plan: Plan) -> Result:
    """Do all of it; StagingError says at which phase it ended."""
    for place in (layout.APP, layout.DEPS, layout.PROFILE, layout.CACHE, layout.TMP):
        place.mkdir(parents=True, exist_ok=True)
    _unpack_package(plan)
    _unpack_cache()
    paths = [_path(index, buildpack, plan) for index, buildpack in enumerate(plan.buildpacks)]
    chosen = _chosen(plan, paths)
    for index, (buildpack, path, _) in enumerate(chosen):
        _run_one(index, buildpack, path, plan, last=index == len(chosen) - 1)
    _write_launch(len(chosen))
    result = Result(buildpacks=[_told(buildpack, output) for buildpack, _, output in chosen])
    result.release = _release(chosen[-1][0], chosen[-1][1], plan)
    procfile = layout.APP / "Procfile"
    if procfile.is_file():
        if procfile.stat().st_size > MOST_PROCFILE:
            raise StagingError("StagerError", f"the Procfile has more than {MOST_PROCFILE} bytes")
        result.procfile = procfile.read_text(errors="replace")
    return result


def _unpack_package(plan: Plan) -> None:
    try:
        size = unpack(layout.GIVEN / "package.zip", layout.APP, plan.most_app_bytes)
    except ZipRefusedError as error:
        raise StagingError("StagerError", f"the package cannot be unpacked: {error}") from None
    except OSError as error:
        raise StagingError("StagerError", f"the package cannot be unpacked: {error.strerror}") from None
    say(f"Unpacked the app's files ({size / 1e6:.1f} MB)")


def _unpack_cache() -> None:
    archive = layout.GIVEN / "cache.tgz"
    if not archive.is_file():
        return
    command = Path("/bin/tar")
    if run(command, ["-xzf", archive, "-C", layout.CACHE], {"PATH": "/usr/bin:/bin"}) == 0:
        say("Took the build artifacts cache of the last staging")
        return
    complain("The build artifacts cache is damaged and is not used")
    shutil.rmtree(layout.CACHE, ignore_errors=True)
    layout.CACHE.mkdir()


def _path(index: int, buildpack: Buildpack, plan: Plan) -> Path:
    if buildpack.path:
        return Path(buildpack.path)
    say(f"Downloading buildpack {buildpack.url.partition('?')[0]}")
    return fetch(buildpack.url, layout.TMP / f"buildpack-{index}", plan.most_buildpack_bytes, plan.ca)


def _chosen(plan: Plan, paths: list[Path]) -> list[tuple[Buildpack, Path, str]]:
    """Buildpacks, where they are, and what detect said."""
    if plan.explicit:
        for buildpack, path in zip(plan.buildpacks[:-1], paths, strict=False):
            if not (path / "bin/supply").is_file():
                raise StagingError(
                    "BuildpackCompileFailed",
                    f"buildpack {buildpack.name} has no bin/supply, so that it can only stand last",
                )
        return [(buildpack, path, "") for buildpack, path in zip(plan.buildpacks, paths, strict=True)]
    for buildpack, path in zip(plan.buildpacks, paths, strict=True):
        script = path / "bin/detect"
        if not script.is_file():
            continue
        status, said = ask(script, [layout.APP], environment(plan.env, layout.DEPS))
        if status == 0:
            return [(buildpack, path, said.strip().splitlines()[0].strip() if said.strip() else buildpack.name)]
    names = ", ".join(buildpack.name for buildpack in plan.buildpacks) or "none"
    raise StagingError("NoAppDetectedError", f"asked were {names}; name one with -b, or see what each asks for")


def _run_one(index: int, buildpack: Buildpack, path: Path, plan: Plan, *, last: bool) -> None:
    cache = layout.CACHE / re.sub(r"[^A-Za-z0-9._-]", "_", buildpack.name)[:80]
    (layout.DEPS / str(index)).mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    supply, finalize, compile = (path / "bin" / name for name in ("supply", "finalize", "compile"))
    full: list[Path | str] = [layout.APP, cache, layout.DEPS, str(index)]
    if supply.is_file() and (not last or finalize.is_file() or not compile.is_file()):
        _step(supply, full, buildpack, plan)
    if not last:
        return
    if finalize.is_file():
        _step(finalize, [*full, layout.PROFILE], buildpack, plan)
    elif compile.is_file():
        _step(compile, [layout.APP, cache], buildpack, plan)
    elif not supply.is_file():
        raise StagingError(
            "BuildpackCompileFailed", f"buildpack {buildpack.name} has none of bin/supply, bin/finalize, bin/compile"
        )


def _step(script: Path, arguments: list[Path | str], buildpack: Buildpack, plan: Plan) -> None:
    status = run(script, arguments, environment(plan.env, layout.DEPS))
    if status != 0:
        how = f"ended with {status}" if status > 0 else f"was ended by signal {-status}"
        raise StagingError("BuildpackCompileFailed", f"bin/{script.name} of buildpack {buildpack.name} {how}")


def _write_launch(count: int) -> None:
    (layout.PROFILE / "000_deps.sh").write_text(LAUNCH)
    for index in range(count):
        folder = layout.DEPS / str(index) / "profile.d"
        for script in sorted(folder.glob("*.sh")) if folder.is_dir() else []:
            shutil.copyfile(script, layout.PROFILE / f"{index}_{script.name}")


def _release(buildpack: Buildpack, path: Path, plan: Plan) -> str:
    script = path / "bin/release"
    if not script.is_file():
        return ""
    status, said = ask(script, [layout.APP], environment(plan.env, layout.DEPS))
    if status != 0:
        raise StagingError("BuildpackReleaseFailed", f"bin/release of buildpack {buildpack.name} ended with {status}")
    return said


def _told(buildpack: Buildpack, output: str) -> dict[str, str]:
    return {"key": buildpack.key, "name": buildpack.name, "detect_output": output, "url": buildpack.url}


def disk_is_full() -> bool:
    """Whether there is hardly any room left, which programs tell in words of their own."""
    found = os.statvfs(layout.HOME)
    return found.f_bavail * found.f_frsize < 1 << 20
