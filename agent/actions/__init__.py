"""The actions of the protocol, one file each, loaded when first asked for."""

from __future__ import annotations

import importlib
from functools import cache

from agent.action import Action
from agent.errors import UnknownMessage

# get_task and cancel_task are answered by the dispatcher, which owns the queue.
NAMES = frozenset(
    (
        "ping",
        "info",
        "get_state",
        "prepare",
        "apply",
        "start",
        "stop",
        "drain",
        "run_script",
        "run_errand",
        "compile_package",
        "compile_package_with_signed_url",
        "mount_disk",
        "unmount_disk",
        "migrate_disk",
        "list_disk",
        "add_persistent_disk",
        "remove_persistent_disk",
        "add_dynamic_disk",
        "remove_dynamic_disk",
        "update_settings",
        "fetch_logs",
        "fetch_logs_with_signed_url",
        "bundle_logs",
        "remove_file",
        "upload_blob",
        "ssh",
        "sync_dns",
        "sync_dns_with_signed_url",
        "delete_arp_entries",
        "shutdown",
    )
)


@cache
def find(method: str) -> Action:
    """The action of that name; UnknownMessage otherwise."""
    if method not in NAMES:
        raise UnknownMessage(method)
    found = importlib.import_module(f"agent.actions.{method}").ACTION
    assert isinstance(found, Action)
    return found
