"""Find a plugin by name and see what it can do."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import cast

import pluggy

from cpi.contract import ENTRY_POINT_GROUP, ERRORS, PROJECT, Calls, CloudError

OURS = {
    "libvirt": "cpi.libvirt.plugin",
    "openstack": "cpi.openstack.plugin",
    "sim": "cpi.sim.plugin",
    "vsphere": "cpi.vsphere.plugin",
}
REQUIRED = (
    "create_stemcell", "delete_stemcell", "create_vm", "delete_vm", "create_disk", "delete_disk", "attach_disk",
    "detach_disk",
)  # fmt: skip


class PluginError(CloudError):
    """A plugin cannot be loaded, or it does not keep the contract."""

    type_name = "Meristem::PluginError"


ERRORS[PluginError.type_name] = PluginError


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin behind its own plugin manager, so that two clouds never answer one call."""

    name: str
    manager: pluggy.PluginManager
    capabilities: frozenset[str]

    def caller(self, method: str) -> pluggy.HookCaller:
        """The hook of this method; only for names in `capabilities`."""
        return cast(pluggy.HookCaller, getattr(self.manager.hook, method))


def methods() -> tuple[str, ...]:
    """Names of all calls of the contract."""
    return tuple(name for name, value in vars(Calls).items() if hasattr(value, f"{PROJECT}_spec"))


def load(name: str) -> Plugin:
    """Load one of our plugins, an installed one (entry point), or `module` / `module:attribute`."""
    return wrap(name, _import(name))


def wrap(name: str, implementation: object) -> Plugin:
    """A module or object with hooks as a plugin; PluginError if it does not keep the contract."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Calls)
    try:
        manager.register(implementation, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"CPI plugin {name!r} does not keep the contract: {error}") from error
    present = frozenset(method for method in methods() if getattr(manager.hook, method).get_hookimpls())
    missing = [method for method in REQUIRED if method not in present]
    if missing:
        raise PluginError(
            f"CPI plugin {name!r} lacks the required calls {', '.join(missing)}: mark them with @contract.implements"
        )
    return Plugin(name, manager, present)


def installed() -> dict[str, str]:
    """Names and import paths of all plugins that can be loaded by name."""
    return {**{point.name: point.value for point in _entry_points()}, **OURS}


def _entry_points() -> Iterator[metadata.EntryPoint]:
    yield from metadata.entry_points(group=ENTRY_POINT_GROUP)


def _import(name: str) -> object:
    target = installed().get(name, name)
    if target == name and "." not in name and ":" not in name:
        known = ", ".join(sorted(installed()))
        raise PluginError(f"no CPI plugin is called {name!r}; known are: {known}. Install the package that brings it")
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
        return getattr(module, attribute) if attribute else module
    except (ImportError, AttributeError) as error:
        raise PluginError(f"CPI plugin {name!r} cannot be imported from {target}: {error}") from error
