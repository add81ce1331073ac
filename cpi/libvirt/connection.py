"""Connections to libvirtd, one for each URI, opened once and again when the daemon was restarted."""

from __future__ import annotations

import threading

import libvirt

from cpi.contract import VMNotFound
from cpi.libvirt.config import is_remote
from cpi.libvirt.errors import told, typed

KEEP_ALIVE, MISSED = 5, 3
"""Seconds between questions to a host far away, and how many it may leave unanswered: calls under way then fail."""

_connections: dict[str, libvirt.virConnect] = {}
_guard = threading.Lock()
EVENTS = "libvirt events"


def _silent(_context: object, _error: object) -> None:
    """libvirt prints each error to stderr by itself otherwise; ours carry them."""


libvirt.registerErrorHandler(_silent, None)


def connect(uri: str) -> libvirt.virConnect:
    """A connection that answers. It may be used by several threads at once."""
    connection = _connections.get(uri)
    if connection is not None and _answers(connection):
        return connection
    with _guard:
        connection = _connections.get(uri)
        if connection is None or not _answers(connection):
            with told("connect", uri):
                connection = _open(uri)
            _connections[uri] = connection
        return connection


def domain(uri: str, name: str) -> libvirt.virDomain:
    """The domain of this name, VMNotFound if there is none."""
    found = find_domain(uri, name)
    if found is None:
        raise VMNotFound(f"VM '{name}' does not exist in libvirt at {uri}")
    return found


def find_domain(uri: str, name: str) -> libvirt.virDomain | None:
    """The domain of this name, None if there is none."""
    try:
        return connect(uri).lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise typed(error, f"look up '{name}'", uri) from error


def _open(uri: str) -> libvirt.virConnect:
    if not is_remote(uri):
        return libvirt.open(uri)
    _events()
    connection = libvirt.open(uri)
    connection.setKeepAlive(KEEP_ALIVE, MISSED)
    return connection


def _events() -> None:
    """libvirt's event loop, in a thread of its own: it must run before the connections that it watches. Called under the guard."""
    if any(thread.name == EVENTS for thread in threading.enumerate()):
        return
    libvirt.virEventRegisterDefaultImpl()

    def turn() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=turn, name=EVENTS, daemon=True).start()


def _answers(connection: libvirt.virConnect) -> bool:
    try:
        connection.getLibVersion()
    except libvirt.libvirtError:
        return False
    return True
