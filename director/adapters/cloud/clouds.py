"""All CPIs of the director, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from cpi import plugins
from cpi.bridge import ExecutableClient, executable_of
from cpi.client import CpiClient, WorkerClient
from cpi.contract import CpiError
from cpi.warden import Warden
from director.adapters.cloud.cloud import CpiCloud
from director.adapters.cloud.errors import cloud_error
from director.adapters.cloud.former import FormerWorkers
from director.adapters.cloud.spec import CpiSpec
from director.model.errors import CloudError
from director.ports.cloud import CpiLog

Specs = Callable[[], Awaitable[Sequence[CpiSpec]]]
ClientKey = tuple[str, str | None, Path | None]


def drop(line: str) -> None:
    """A log sink that drops its lines."""


class CpiClouds:
    """See `director.ports.cloud.Clouds`.

    The CPI config may change while the director runs: it is read for each `get`. CPIs of one type share one worker,
    because properties travel with each call.
    """

    def __init__(
        self,
        specs: Specs,
        *,
        director_uuid: str,
        locks: Path,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        deadlines: Mapping[str, float] | None = None,
        log: CpiLog = drop,
        warden: Warden | None = None,
    ) -> None:
        """`locks`: directory for the workers' lock files. `prefix`: command put before each worker's own (e.g. to enter
        a namespace). `log` receives what workers say outside any call. `warden` ends CPI processes that
        nobody may command any more."""
        self._specs = specs
        self._director_uuid = director_uuid
        self._locks = locks
        self._prefix = prefix
        self._environment = environment
        self._deadlines = deadlines
        self._log = log
        self._warden = warden
        self._clients: dict[ClientKey, CpiClient] = {}
        self._clouds: dict[str, tuple[CpiSpec, CpiCloud]] = {}
        self._making = asyncio.Lock()
        self._former = FormerWorkers(locks, log)

    async def alone(self) -> None:
        """Returns when no worker of this director's former life is left: before that nobody may be asked what became of its calls, nor may
        its leases be given back. All calls wait for it too."""
        await self._former.gone()

    async def get(self, name: str) -> CpiCloud:
        """The cloud of this CPI name, also by a former name (``migrated_from``); its worker runs on return."""
        spec = _choose(name, await self._specs())
        async with self._making:
            known = self._clouds.get(spec.name)
            if known is not None and known[0] == spec:
                return known[1]
            cloud = CpiCloud(spec.name, await self._client(spec), spec.properties, self._director_uuid, self._deadlines)
            self._clouds[spec.name] = (spec, cloud)
            return cloud

    async def names(self) -> list[str]:
        """Names of all CPIs; one empty name where there is no CPI config."""
        return [spec.name for spec in await self._specs()]

    async def renamed(self) -> dict[str, str]:
        """See the port; a name that is in use is nobody's former one."""
        specs = await self._specs()
        used = {spec.name for spec in specs}
        return {former: spec.name for spec in specs for former in spec.migrated_from if former not in used}

    async def close(self) -> None:
        """Let the calls in flight end, then end all workers."""
        clients, self._clients = list(self._clients.values()), {}
        self._clouds = {}
        await asyncio.gather(*(client.close() for client in clients))

    def lock_of(self, plugin: str) -> Path:
        """The file that the worker of a plugin holds locked while it lives (`cpi.lock.is_free` proves its death)."""
        return self._locks / f"cpi-{plugin.replace('/', '-')}.lock"

    async def _client(self, spec: CpiSpec) -> CpiClient:
        ours = spec.exec_path is None and (spec.type in plugins.installed() or "." in spec.type)
        key: ClientKey = (spec.type, spec.exec_path, spec.config if ours else None)
        client = self._clients.get(key)
        if client is None:
            await self.alone()
            client = self._worker(spec) if ours else self._executable(spec)
            try:
                await client.start()
            except CpiError as error:
                raise cloud_error(error, "start", spec.name, "") from error
            self._clients[key] = client
        return client

    def _worker(self, spec: CpiSpec) -> CpiClient:
        number = sum(1 for plugin, _, _ in self._clients if plugin == spec.type)
        return WorkerClient(
            spec.type,
            config=spec.config,
            lock=self.lock_of(spec.type if number == 0 else f"{spec.type}-{number}"),
            prefix=self._prefix,
            environment=self._environment,
            log=self._log,
            warden=self._warden,
        )

    def _executable(self, spec: CpiSpec) -> CpiClient:
        return ExecutableClient(executable_of(spec.type, spec.exec_path), log=self._log, warden=self._warden)


def _choose(name: str, specs: Sequence[CpiSpec]) -> CpiSpec:
    for spec in specs:
        if spec.name == name:
            return spec
    for spec in specs:
        if name in spec.migrated_from:
            return spec
    known = ", ".join(f"'{spec.name}'" for spec in specs) or "none"
    raise CloudError(
        f"CPI '{name}' is not configured; configured are: {known}",
        type="Bosh::Clouds::CpiError", method="", cpi=name, remedy="Add it with `update-cpi-config`; one that has another name now gives this one as `migrated_from`.",
    )  # fmt: skip
