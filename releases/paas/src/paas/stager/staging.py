"""One staging: what is needed is fetched, a container is made, the driver works in it, the droplet is carried out and sent."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from paas.blobs.errors import BlobError, NoBlobError
from paas.blobs.transfer import Carried, Transfer
from paas.containers.client import Container, ContainerError, WardenAwayError, WardenClient
from paas.containers.protocol import Bind, Create, Limits
from paas.messages.staging import AdminBuildpack, StageReply, StageRequest
from paas.stager import driver
from paas.stager.config import Config
from paas.stager.driver import layout
from paas.stager.driver.failure import ErrorType, StagingError
from paas.stager.driver.plan import Buildpack, Plan, Result, write
from paas.stager.release import process_types, staging_info
from paas.stager.shelf import Shelf
from paas.stager.surroundings import CA, Surroundings, surroundings
from paas.stager.told import StagingLog

log = structlog.get_logger("stager")
OWNER = "stager"
DRIVER = Path(driver.__file__).parent
MOST_RESULT = 1 << 20
MB = 1 << 20
BUILDPACKS_FAULTS: tuple[ErrorType, ...] = ("NoAppDetectedError", "BuildpackCompileFailed", "BuildpackReleaseFailed")


@dataclass(frozen=True)
class Tools:
    """What all stagings share."""

    config: Config
    warden: WardenClient
    transfer: Transfer
    shelf: Shelf


class Staging:
    """The staging that `request` asks for."""

    def __init__(self, tools: Tools, request: StageRequest, told: StagingLog) -> None:
        self._tools = tools
        self._request = request
        self._told = told
        self._work = Path(tools.config.directory) / "tasks" / request.task_id

    async def run(self) -> StageReply:
        """The last reply, of success; StagingError otherwise. Nothing of it is left on this machine."""
        self._work.mkdir(parents=True, mode=0o755)
        try:
            wanted, explicit = chosen(self._request)
            stack = self._request.stack or next(iter(self._tools.config.stacks))
            around = await surroundings(self._tools.config, self._request, stack)
            admin = [one for one in wanted if isinstance(one, AdminBuildpack)]
            await self._told.say("Downloading app package...")
            async with self._tools.shelf.buildpacks(admin) as roots:
                await self._fetch()
                self._plan(wanted, explicit, around, roots)
                async with self._container(stack, around, [roots[one.key] for one in admin]) as container:
                    return await self._stage(container)
        except BlobError as error:
            raise StagingError("StagerError", str(error)) from None
        except ContainerError as error:
            raise StagingError("StagerError", f"the container: {error}") from None
        except WardenAwayError as error:
            raise StagingError("StagerError", f"containers cannot be had just now: {error}") from None
        finally:
            await asyncio.to_thread(shutil.rmtree, self._work, True)

    async def _fetch(self) -> None:
        config, request = self._tools.config, self._request
        package = self._work / "package.zip"
        carried = await self._tools.transfer.download(
            request.download_uri, package, name="the package", sha256=request.download_sha256, most=config.most_package_mb * MB
        )  # fmt: skip
        package.chmod(0o644)
        await self._told.say(f"Downloaded app package ({carried.size / 1e6:.1f} MB)")
        if request.buildpack_cache_download_uri:
            cache = self._work / "cache.tgz"
            try:
                await self._tools.transfer.download(
                    request.buildpack_cache_download_uri, cache, name="the build artifacts cache", most=config.most_cache_mb * MB
                )  # fmt: skip
                cache.chmod(0o644)
            except NoBlobError:
                pass
            except BlobError as error:
                # it only makes things faster
                await self._told.say(f"Staging without the build artifacts cache: {error}", "ERR")

    def _plan(
        self, wanted: list[AdminBuildpack | str], explicit: bool, around: Surroundings, roots: dict[str, Path]
    ) -> None:
        buildpacks: list[Buildpack] = []
        for one in wanted:
            if isinstance(one, str):
                buildpacks.append(Buildpack(key="", name=one.partition("?")[0], url=one))
            else:
                buildpacks.append(Buildpack(key=one.key, name=one.name or one.key, path=_seen(roots, one.key)))
        limits = self._request.properties.resources
        plan = Plan(
            buildpacks=buildpacks,
            explicit=explicit,
            env=around.env,
            most_app_bytes=limits.disk * MB,
            most_buildpack_bytes=self._tools.config.most_buildpack_mb * MB,
            ca=CA if self._tools.config.ca else "",
        )
        write(self._work / "plan.json", plan)

    def _binds(self, roots: list[Path]) -> list[Bind]:
        given = layout.GIVEN
        binds = [Bind(source=str(DRIVER), target=str(layout.CODE / "paas/stager/driver"))]
        binds += [
            Bind(source=str(self._work / name), target=str(given / name))
            for name in ("package.zip", "plan.json", "cache.tgz")
            if (self._work / name).is_file()
        ]
        if self._tools.config.ca:
            binds.append(Bind(source=self._tools.config.ca, target=CA))
        return binds + [Bind(source=str(root), target=_target(root)) for root in dict.fromkeys(roots)]

    @contextlib.asynccontextmanager
    async def _container(self, stack: str, around: Surroundings, roots: list[Path]) -> AsyncGenerator[Container]:
        resources = self._request.properties.resources
        limits = Limits(
            memory_mb=resources.memory, disk_mb=resources.disk, fds=resources.fds, pids=self._tools.config.pids
        )
        handle = f"staging-{self._request.task_id}"[:63]
        create = Create(
            handle=handle,
            rootfs=self._tools.config.stacks[stack],
            limits=limits,
            owner=OWNER,
            hostname="staging",
            binds=self._binds(roots),
            egress=around.egress,
            closed=True,
            properties={"app": self._request.app_id},
        )
        try:
            yield await self._tools.warden.create(create)
        finally:
            # also when it was being made as this ended
            await asyncio.shield(_destroy(self._tools.warden, handle))

    async def _stage(self, container: Container) -> StageReply:
        await self._told.say("Staging...")
        result = await self._drive(container, "build")
        if not result.buildpacks:
            raise StagingError("StagerError", "the driver named no buildpack")
        last = result.buildpacks[-1]
        detected = last.get("detect_output") or last.get("name", "")
        types = await asyncio.to_thread(process_types, result.release, result.procfile, last.get("name", ""))
        await self._put_info(container, staging_info(types, detected, result.buildpacks))
        packed = await self._drive(container, "pack")
        await self._told.say("Staging complete")
        droplet = await self._send(
            container, layout.DROPLET, self._request.upload_uri, "the droplet", self._tools.config.most_droplet_mb
        )
        await self._told.say(f"Uploaded droplet ({droplet.size / 1e6:.1f} MB)")
        if packed.cache and self._request.buildpack_cache_upload_uri:
            await self._send_cache(container)
        return StageReply(
            task_id=self._request.task_id,
            finished=True,
            detected_buildpack=detected,
            buildpacks=result.buildpacks,
            droplet_sha256=droplet.sha256,
            droplet_size=droplet.size,
            process_types=types,
        )

    async def _drive(self, container: Container, verb: str) -> Result:
        command = ["/usr/bin/python3", "-s", "-m", "paas.stager.driver", verb]
        env = {"PYTHONPATH": str(layout.CODE), "PYTHONDONTWRITEBYTECODE": "1"}
        process = await container.run(command, env=env)
        await self._told.relay(process)
        ended = await process.wait()
        if ended.oom or (await container.info()).oom_kills:
            memory = self._request.properties.resources.memory
            raise StagingError("StagerError", f"staging needs more than its {memory} MB of memory")
        if ended.status != 0:
            raise StagingError("StagerError", f"the driver {ended.description or f'ended with {ended.status}'}")
        file = self._work / f"{verb}.json"
        await container.copy_out(str(layout.RESULT), str(file), max_bytes=MOST_RESULT)
        try:
            result = msgspec.json.decode(file.read_bytes(), type=Result)
        except msgspec.MsgspecError as error:
            raise StagingError("StagerError", f"what the driver says cannot be read: {error}") from None
        if result.error:
            raise DriverError(result)
        return result

    async def _put_info(self, container: Container, text: str) -> None:
        file = self._work / "staging_info.yml"
        file.write_text(text)
        file.chmod(0o644)
        await container.copy_in(str(file), str(layout.INFO))

    async def _send(self, container: Container, source: Path, url: str, name: str, most_mb: int) -> Carried:
        file = self._work / f"out-{source.name}"
        await container.copy_out(str(source), str(file), max_bytes=most_mb * MB)
        return await self._tools.transfer.upload(file, url, name=name)

    async def _send_cache(self, container: Container) -> None:
        url = self._request.buildpack_cache_upload_uri
        most = self._tools.config.most_cache_mb
        try:
            await self._send(container, layout.CACHE_ARCHIVE, url, "the build artifacts cache", most)
        except (BlobError, ContainerError) as error:
            # it would only have made the next one faster
            await self._told.say(f"The build artifacts cache could not be kept: {error}", "ERR")


class DriverError(StagingError):
    """Why there is no droplet, in the driver's words."""

    def __init__(self, result: Result) -> None:
        # what is in the container may write what it likes
        kind: ErrorType = "StagerError"
        for known in BUILDPACKS_FAULTS:
            if result.error_type == known:
                kind = known
        super().__init__(kind)
        self.args = (result.error[:2000],)


def chosen(request: StageRequest) -> tuple[list[AdminBuildpack | str], bool]:
    """Buildpacks in their order (an address stands for itself), and whether the app names them; StagingError for a name that is none."""
    properties = request.properties
    named = properties.buildpacks or ([properties.buildpack] if properties.buildpack else properties.buildpack_keys)
    if not named:
        return list(request.admin_buildpacks), False
    known = {one.key: one for one in request.admin_buildpacks}
    by_name = {one.name: one for one in request.admin_buildpacks if one.name}
    found: list[AdminBuildpack | str] = []
    for one in named:
        if one.startswith(("http://", "https://")):
            found.append(one)
        elif (buildpack := known.get(one) or by_name.get(one)) is not None:
            found.append(buildpack)
        else:
            raise StagingError(
                "StagerError", f"{one!r} is neither a buildpack of the platform nor the address of a zip"
            )
    return found, True


def _target(root: Path) -> str:
    # the folder's name follows from the key; the root may be a directory in it
    return str(layout.GIVEN / "buildpacks" / "-".join(root.parts[-2:]))


def _seen(roots: dict[str, Path], key: str) -> str:
    return _target(roots[key])


async def _destroy(warden: WardenClient, handle: str) -> None:
    try:
        await warden.destroy(handle)
    except (ContainerError, WardenAwayError) as error:
        log.warning("staging_container_left", handle=handle, error=str(error))
