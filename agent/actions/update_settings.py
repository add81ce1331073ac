"""update_settings: trusted certificates, disk names, bus identity, blob stores."""

from __future__ import annotations

import logging

from agent import durable
from agent.action import Action
from agent.process.command import available, command
from agent.settings.model import Settings
from agent.shapes import Json, string_or_empty
from agent.tasks.call import Call
from agent.vm import Vm

log = logging.getLogger(__name__)


def run(vm: Vm, call: Call) -> str:
    """Argument: one object. A new bus identity or blob store makes the agent restart; the task then reports ``ok``."""
    given = call.object(0, "settings")
    update: Json = {**vm.settings.update, **{key: value for key, value in given.items() if value is not None}}
    settings = Settings(vm.settings.given, update)
    restart = _connections(settings) != _connections(vm.settings)
    durable.write_json(vm.layout.update_settings, update)
    if "trusted_certs" in given:
        _trust(vm, string_or_empty(given["trusted_certs"]))
    vm.settings.update = update
    if restart:
        log.info("bus or blob store settings changed: the agent restarts")
        call.restart_when_done = True
    return "ok"


def _connections(settings: Settings) -> tuple[object, ...]:
    return settings.bus_urls, settings.bus, settings.blobstore


def _trust(vm: Vm, certificates: str) -> None:
    """Add the deployment's certificates to the VM's trust store."""
    folder = vm.layout.root / "usr/local/share/ca-certificates"
    path = folder / "bosh-trusted-certs.crt"
    parts = [part + "-----END CERTIFICATE-----\n" for part in certificates.split("-----END CERTIFICATE-----")[:-1]]
    wanted = {
        folder / f"bosh-trusted-cert-{number}.crt": part.lstrip().encode() for number, part in enumerate(parts, 1)
    }
    present = set(folder.glob("bosh-trusted-cert-*.crt")) if folder.is_dir() else set[type(path)]()
    if present == set(wanted) and all(durable.same_content(name, data) for name, data in wanted.items()):
        return
    for stale in present - set(wanted):
        stale.unlink()
    for name, data in wanted.items():
        durable.write_bytes(name, data, mode=0o644)
    if vm.layout.root.samefile("/") and available("update-ca-certificates"):
        command(["update-ca-certificates"])


ACTION = Action(run, asynchronous=True)
