"""The pool of addresses: a /30 for each container, told by its slot; and the pool of ports."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network


class PoolError(Exception):
    """The pool is used up, or the wish cannot be met."""


@dataclass(frozen=True)
class Link:
    """One container's link to its machine."""

    name: str
    host_ip: str
    container_ip: str


class Pool:
    """Slots of the network `cidr`; links are named `prefix` and the slot."""

    def __init__(self, cidr: str, prefix: str) -> None:
        self._network = IPv4Network(cidr)
        self._prefix = prefix
        self.size = self._network.num_addresses // 4
        self._next = 0

    def link(self, slot: int) -> Link:
        """The addresses of `slot`."""
        base = self._network.network_address + 4 * slot
        return Link(f"{self._prefix}{slot}", str(base + 1), str(base + 2))

    def free(self, taken: set[int]) -> int:
        """A slot that is not taken, a long unused one first; PoolError where all are."""
        for step in range(self.size):
            slot = (self._next + step) % self.size
            if slot not in taken:
                self._next = slot + 1
                return slot
        raise PoolError(f"all {self.size} address pairs of {self._network} are in use")


class Ports:
    """TCP ports of the machine, `first` to `last`."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._count = last - first + 1
        self._next = 0

    def free(self, taken: set[int], wish: int = 0) -> int:
        """`wish` if it is not taken, else a port that is not, a long unused one first; PoolError where there is none."""
        if wish:
            if wish in taken:
                raise PoolError(f"port {wish} already leads to a container")
            return wish
        for step in range(self._count):
            port = self._first + (self._next + step) % self._count
            if port not in taken:
                self._next = port - self._first + 1
                return port
        raise PoolError(f"all {self._count} ports from {self._first} on are in use")
