"""The addresses inside a network namespace, read through one of its processes."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from pathlib import Path

_LOCAL = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL")
_GLOBAL = "00"


def of_process(pid: int) -> tuple[str, ...]:
    """Without loopback and link-local ones. OSError when the process is gone."""
    net = Path(f"/proc/{pid}/net")
    found = dict.fromkeys(local_addresses((net / "fib_trie").read_text()))
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        found |= dict.fromkeys(global_addresses((net / "if_inet6").read_text()))
    return tuple(found)


def local_addresses(trie: str) -> list[str]:
    """IPv4, of /proc/net/fib_trie."""
    return [one for one in _LOCAL.findall(trie) if not one.startswith(("127.", "169.254."))]


def global_addresses(table: str) -> list[str]:
    """IPv6, of /proc/net/if_inet6: address, index, prefix, scope, flags, device."""
    rows = [line.split() for line in table.splitlines()]
    return [str(ipaddress.IPv6Address(int(row[0], 16))) for row in rows if len(row) == 6 and row[3] == _GLOBAL]
