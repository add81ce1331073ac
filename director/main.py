"""The director program: the only place where adapters meet ports."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import sys
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import structlog
import uvloop

from cpi.warden import Warden, now
from director import __version__, garbage
from director.adapters.blobs import ca as blob_ca
from director.adapters.blobs.folder import FolderBlobs
from director.adapters.blobs.listener import BlobListener
from director.adapters.blobs.signed import Signer, secret_file
from director.adapters.bus.admission import Admission, FileAdmission, StoredAdmission
from director.adapters.bus.agents import NatsAgents
from director.adapters.bus.ca import BusFiles
from director.adapters.bus.connection import BusIdentity
from director.adapters.bus.identities import Identities
from director.adapters.bus.server import NatsServer, ServerPlace
from director.adapters.bus.users import UsersFile
from director.adapters.clock import SystemClock
from director.adapters.cloud.clouds import CpiClouds
from director.adapters.cloud.spec import CpiSpec
from director.adapters.listener import Address, Listener
from director.adapters.secrets import StoreSecrets
from director.adapters.store.life import Life, alone
from director.adapters.store.postgres import open_postgres
from director.adapters.store.postgres_place import PostgresPlace
from director.adapters.store.sql import SqlStore, open_store
from director.adapters.task_log import StoreTaskLog
from director.adapters.templates import ErbTemplates
from director.api.app import create_app
from director.api.desk import Desk, User
from director.director_yml import DirectorYml, read_director_yml
from director.engine.lease import Horizon
from director.engine.limiter_clouds import LimitedClouds
from director.engine.ports import Ports
from director.engine.probe import probe_of
from director.engine.tasks import Runner
from director.manifest.cpi_config import load_cpi_configs
from director.model.errors import DirectorError, LeaseLost, RowChanged
from director.model.rows import SettingRow, VmRow
from director.observe.settings import HealthSettings
from director.ports.store import Changes
from director.service import configs
from director.service.handlers import URGENT, handlers
from director.service.house import House
from director.service.monitor import Monitor
from director.service.retention import Retention, RetentionSettings
from director.steps.step import Site

log = structlog.get_logger("director")

SWITCH = 0.0005
"""Seconds after which a thread at heavy work (a large plan) lets the event loop go on; Python's own 5 ms add up over the hops of a request."""


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m director.main --config director.yml``; 0 after an orderly stop, 1 with one sentence when it cannot start."""
    parser = argparse.ArgumentParser(prog="meristem director run", description="Run the director.")
    parser.add_argument("-c", "--config", type=Path, required=True, help="director.yml")
    given = parser.parse_args(arguments)
    try:
        config = read_director_yml(given.config)
        _log_to(config)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.setswitchinterval(SWITCH)
            runner.run(serve(config))
    except DirectorError as error:
        print(f"director: {error.description}", file=sys.stderr)
        return 1
    return 0


async def serve(config: DirectorYml) -> None:
    """Start everything, say so, and run until SIGTERM or SIGINT; tasks pause between two steps and go on at the next start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        await _start(config, stack)
        await stop.wait()
        log.info("stopping")


async def _start(config: DirectorYml, stack: contextlib.AsyncExitStack) -> None:
    config.dir.mkdir(parents=True, exist_ok=True)
    life = Life.take(config.dir / "director.lock")
    stack.callback(life.close)
    config.shared.mkdir(parents=True, exist_ok=True)
    store = await _store(config, life)
    stack.push_async_callback(store.close)
    identity = await _uuid(store, config)
    clock = SystemClock()
    with alone(config.shared / "start.lock"):
        blobs, listener = _blobs(config)
        secrets = StoreSecrets(store, config.shared / "secrets.key", config.name)
    await listener.start()
    stack.push_async_callback(listener.stop)
    agents = await _bus(config, store, stack)
    warden = Warden(_too_late)
    stack.callback(warden.close)
    cpis = CpiClouds(
        partial(_cpis, config, store),
        director_uuid=identity,
        locks=config.dir / "locks",
        log=lambda line: log.info("cpi", line=line),
        warden=warden,
    )
    clouds = LimitedClouds(cpis, clock)
    (config.dir / "locks").mkdir(exist_ok=True)
    stack.push_async_callback(clouds.close)
    templates = ErbTemplates()
    stack.push_async_callback(templates.close)
    site = _site(config, identity)
    house = House(
        store=store,
        clouds=clouds,
        agents=agents,
        blobs=blobs,
        secrets=secrets,
        templates=templates,
        clock=clock,
        site=site,
        spool=config.shared / "spool",
        own_addresses=_own_addresses(config),
        max_threads=config.max_threads,
        vm_strategy=config.default_update_vm_strategy or "delete-create",
        fix_stateful=config.scan_and_fix.auto_fix_stateful_nodes,
    )
    house.spool.mkdir(exist_ok=True)
    runner = Runner(
        Ports(store, clouds, agents, blobs, secrets, clock, site),
        handlers(house),
        lambda task: StoreTaskLog(store, task, clock),
        owner=life.owner,
        earlier=life.earlier,
        limit=config.meristem.task_limit,
        urgent=URGENT,
        term=config.meristem.lease_seconds,
        horizon=Horizon(warden.until, now) if config.several else None,
        probe=probe_of(),
    )
    watches = config.meristem.health.enabled and config.nats.monitor_certificate_path is not None
    health = HealthSettings(**{**config.meristem.health.model_dump(), "enabled": watches})
    monitor = Monitor(house, runner, health, owner=life.owner)
    desk = Desk(
        house,
        runner,
        tuple(User(one.name, one.password, one.scopes) for one in config.user_management.local.users),
        version=config.version or __version__,
        cpi=config.cloud.plugin or config.cloud.provider.name or config.meristem.cpi.type,
        gateway=dict(config.default_ssh_options),
        limits=clouds.state,
        certificates=tuple(one for one in _own_certificates(config) if one is not None),
        health=monitor.status,
    )
    for address in _addresses(config):
        server = Listener(create_app(desk), address)
        await server.start()
        stack.push_async_callback(server.stop)
        log.info("listening", host=address.host, port=address.port, tls=address.certificate is not None)
    await cpis.alone()
    await runner.start()
    stack.push_async_callback(runner.stop)
    if watches:
        monitor.start()
        stack.push_async_callback(monitor.stop)
    retention = Retention(store, clock, handlers(house), _retention(config), owner=life.owner)
    sweeping = asyncio.create_task(retention.serve(), name="retention")
    stack.callback(sweeping.cancel)
    garbage.defer()
    collecting = asyncio.create_task(garbage.collect(runner.busy), name="garbage")
    stack.callback(collecting.cancel)
    log.info("director started", name=config.name, uuid=identity, version=desk.version)


def _too_late() -> LeaseLost:
    return LeaseLost("The leases of this director's tasks have run out; another one may be at work on them")


async def _store(config: DirectorYml, life: Life) -> SqlStore:
    if config.db.adapter == "postgres":
        place = PostgresPlace(config.db.parameters(), wait=config.db.connection_wait_timeout)
        return await open_postgres(place, name=life.home)
    return await open_store(config.db.database or config.dir / "director.db")


async def _uuid(store: SqlStore, config: DirectorYml) -> str:
    """The file's uuid, or one made once; of several directors that start at once, the first one's."""
    while True:
        found = await store.get(SettingRow, "uuid")
        if found is not None and config.uuid in ("", found.value):
            return found.value
        row = SettingRow(name="uuid", value=config.uuid or str(uuid.uuid4()))
        with contextlib.suppress(RowChanged):
            await store.commit(Changes(put=(row,), expect=((SettingRow, row.key, found),)))


def _blobs(config: DirectorYml) -> tuple[FolderBlobs, BlobListener]:
    host = config.meristem.blobs.address or config.runtime.ip
    port = config.meristem.blobs.port
    files = blob_ca.create(
        config.meristem.certificates or config.shared / "certificates", [host], server=_server(config, host)
    )
    signer = Signer(secret_file(config.shared / "blobs.secret"), f"https://{host}:{port}")
    folder = Path(config.blobstore.options.get("blobstore_path") or config.shared / "blobs")
    given = config.agent.env.get("bosh", {}).get("blobstores")
    blobs = FolderBlobs(folder, signer, ca=files.ca.read_text(), settings=given, shared=config.several)
    return blobs, BlobListener(blobs, signer, Address(host, port, files.certificate, files.key))


def _server(config: DirectorYml, host: str) -> str:
    """The name of the listener's certificate: each director has its own, of the CA they share."""
    return f"blobs_server-{host}" if config.several else "blobs_server"


async def _bus(config: DirectorYml, store: SqlStore, stack: contextlib.AsyncExitStack) -> NatsAgents:
    nats = config.nats
    bus = config.meristem.nats
    known = [row.agent_id for row in await store.find(VmRow)]
    users: Admission | None = None
    server_log = bus.log_file
    if bus.managed:
        host, _, port = config.mbus.rpartition("//")[2].rpartition("@")[2].partition(":")
        place = ServerPlace(
            host, int(port or 4222), bus.directory or config.dir / "nats", BusFiles(nats.server_ca_path.parent)
        )
        place.directory.mkdir(parents=True, exist_ok=True)
        file = UsersFile(place.users_file, place.pid_file)
        file.ensure()
        users = FileAdmission(file)
        server_log = place.log_file
        server = NatsServer(place)
        await server.ensure()
        await server.supervise()
        stack.push_async_callback(server.release)
    elif bus.users_file is not None:
        users = FileAdmission(UsersFile(bus.users_file, bus.pid_file, shared=config.several))
    elif bus.sync:
        users = StoredAdmission(store)
    monitor = None
    if nats.monitor_certificate_path and nats.monitor_private_key_path:
        monitor = BusIdentity(nats.server_ca_path, nats.monitor_certificate_path, nats.monitor_private_key_path)
    agents = NatsAgents(
        config.mbus,
        BusIdentity(nats.server_ca_path, nats.client_certificate_path, nats.client_private_key_path),
        Identities.load(
            client_ca=nats.client_ca_certificate_path,
            client_ca_key=nats.client_ca_private_key_path,
            server_ca=nats.server_ca_path,
        ),
        monitor=monitor,
        users=users,
        server_log=server_log,
        name=config.name,
    )
    await agents.start(known)
    stack.push_async_callback(agents.close)
    return agents


async def _cpis(config: DirectorYml, store: SqlStore) -> list[CpiSpec]:
    """The CPI config's entries, or the one default CPI of director.yml."""
    rows = await configs.current(store, "cpi")
    entries = load_cpi_configs([(f"cpi config '{row.name}'", row.content) for row in rows])
    if entries:
        return [
            CpiSpec(one.name, one.type, one.exec_path or None, one.properties, migrated_from=one.migrated_from)
            for one in entries
        ]
    cpi = config.meristem.cpi
    if cpi.type or cpi.exec_path:
        return [CpiSpec("", cpi.type or "custom", cpi.exec_path, cpi.properties)]
    return [CpiSpec("", config.cloud.provider.name or "default", config.cloud.provider.path)]


def _site(config: DirectorYml, identity: str) -> Site:
    return Site(
        name=config.name,
        uuid=identity,
        mbus=config.mbus,
        agent_env=config.agent.env.get("bosh") or {},
        agent_wait_timeout=config.agent.agent_wait_timeout,
        max_vm_create_tries=config.max_vm_create_tries,
        trusted_certs=config.trusted_certs,
        keep_unreachable_vms=config.keep_unreachable_vms,
        boot=config.meristem.boot.limits(config.agent.agent_wait_timeout),
        rotate_bootstrap_identities=config.enable_short_lived_nats_bootstrap_credentials,
        dns_domain=config.dns.domain_name,
    )


def _retention(config: DirectorYml) -> RetentionSettings:
    days = {one.deployment_name: one.retention_period for one in config.tasks_deployments_retention_period}
    return RetentionSettings(config.max_tasks, config.tasks_retention_period, days, config.meristem.max_events)


def _addresses(config: DirectorYml) -> list[Address]:
    """Plain HTTP on loopback at ``port`` (a proxy adds TLS), and the TLS listener where one is given."""
    found = [Address("127.0.0.1", config.port)]
    api = config.meristem.api
    if api is not None:
        found.append(Address(api.address, api.port, api.certificate, api.private_key))
    return found


def _own_certificates(config: DirectorYml) -> list[Path | None]:
    """Whose expiry GET /director/certificate_expiry tells."""
    api, nats = config.meristem.api, config.nats
    return [
        api.certificate if api else None,
        nats.server_ca_path,
        nats.client_ca_certificate_path,
        nats.client_certificate_path,
        nats.monitor_certificate_path,
    ]


def _own_addresses(config: DirectorYml) -> list[str]:
    """Addresses of this machine: never given to a VM."""
    own = {config.runtime.ip, config.meristem.blobs.address}
    with contextlib.suppress(OSError):
        own.update(str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET))
    return sorted(one for one in own if one)


def _log_to(config: DirectorYml) -> None:
    level = logging.getLevelNamesMapping().get(config.logging.level.upper(), logging.INFO)
    logging.basicConfig(level=max(level, logging.INFO), stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
    # the default renderer shows local variables in a traceback, and those may be secrets
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), plain],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(),
    )


if __name__ == "__main__":
    sys.exit(main())
