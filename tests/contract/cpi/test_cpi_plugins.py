"""What every plugin of ours must be, read off the contract itself."""

from __future__ import annotations

import inspect
import re
from importlib import metadata

import pytest

from cpi import plugins
from cpi.contract import ENTRY_POINT_GROUP, ERRORS, Calls, CpiError
from cpi.dispatch import SIGNATURES

TEN_OF_2012 = (
    "create_stemcell", "delete_stemcell", "create_vm", "delete_vm", "reboot_vm", "configure_networks", "create_disk",
    "delete_disk", "attach_disk", "detach_disk",
)  # fmt: skip


def test_the_ten_calls_of_2012_exist_by_name():
    assert set(TEN_OF_2012) <= set(plugins.methods())


def test_requests_and_hooks_have_the_same_arguments():
    assert set(SIGNATURES) == set(plugins.methods())
    for method, (required, optional) in SIGNATURES.items():
        wanted = list(inspect.signature(getattr(Calls, method)).parameters)[1:]
        assert [*(["call"] if "call" in wanted else []), *(name for name, _ in (*required, *optional))] == wanted, (
            method
        )


def test_only_what_became_optional_is_optional():
    assert set(TEN_OF_2012) - set(plugins.REQUIRED) == {"reboot_vm", "configure_networks"}
    assert set(plugins.REQUIRED) <= set(TEN_OF_2012)


@pytest.mark.parametrize("name", sorted(plugins.OURS))
def test_our_plugins_keep_the_contract(name):
    if name == "libvirt":
        pytest.importorskip("libvirt", reason="libvirt's binding is not installed (bin/setup --lab)")
    if name == "openstack":
        pytest.importorskip("openstack", reason="openstacksdk is not installed (bin/setup --clouds)")
    if name == "vsphere":
        pytest.importorskip("pyVmomi", reason="pyvmomi is not installed (bin/setup --clouds)")
    plugin = plugins.load(name)
    assert set(TEN_OF_2012) <= plugin.capabilities
    assert {"info", "find", "has_vm", "has_disk", "set_vm_metadata", "set_disk_metadata"} <= plugin.capabilities
    for method in plugin.capabilities:
        assert len(plugin.caller(method).get_hookimpls()) == 1


def test_plugins_are_apart_from_each_other():
    pytest.importorskip("libvirt", reason="libvirt's binding is not installed (bin/setup --lab)")
    first, second = plugins.load("tests.unit.cpi.ledger_cloud"), plugins.load("libvirt")
    assert first.manager is not second.manager
    assert [impl.plugin_name for impl in first.caller("create_vm").get_hookimpls()] == ["tests.unit.cpi.ledger_cloud"]


def test_error_names_are_unique_and_find_their_class():
    def below(kind):
        return {kind, *(deeper for sub in kind.__subclasses__() for deeper in below(sub))}

    # a plugin's own refinements (cpi.NAME.MODULE), loaded where its packages are installed, go by their parent's name
    own = [kind for kind in below(CpiError) if re.fullmatch(r"cpi\.\w+", kind.__module__)]
    named = [kind for kind in own if kind.__name__ != "UnknownCpiError"]
    assert len({kind.type_name for kind in named}) == len(named)
    assert {kind.type_name for kind in named} == set(ERRORS)
    assert all(kind.__doc__ for kind in named)


def test_the_entry_point_group_is_declared_for_our_plugins():
    declared = {point.name: point.value for point in metadata.entry_points(group=ENTRY_POINT_GROUP)}
    for name, value in declared.items():
        if name in plugins.OURS:
            assert value == plugins.OURS[name]
