"""The table of routes: which endpoints serve an address. Pure: whoever calls it tells the time."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from paas.messages.router import Register
from paas.router.uris import patterns, split_uri

Address = tuple[str, int]
Place = tuple[str, str]
"""Host, or pattern of hosts, and path."""


class RefusedError(Exception):
    """A registration that cannot be used, and why."""


@dataclass(slots=True)
class Endpoint:
    """One process that serves; `seen`: when it was last registered, `stale`: seconds after which that is too long ago."""

    host: str
    port: int
    tls: bool
    san: str
    app: str
    instance: str
    index: str
    tags: dict[str, str]
    seen: float
    stale: float


class Served(msgspec.Struct, frozen=True):
    """An endpoint as nginx is told of it."""

    host: str
    port: int
    tls: bool
    san: str
    app: str
    instance: str
    index: str


class Route(msgspec.Struct, frozen=True):
    """All endpoints of one path of a host."""

    path: str
    endpoints: list[Served]


@dataclass
class Table:
    """Times in seconds of one steady clock; `use_tls`: whether endpoints with TLS can be spoken to."""

    stale: float = 120
    use_tls: bool = False
    empty: float = 0
    _pools: dict[str, dict[str, dict[Address, Endpoint]]] = field(
        default_factory=dict[str, dict[str, dict[Address, Endpoint]]]
    )
    _places: dict[Address, set[Place]] = field(default_factory=lambda: defaultdict(set))
    _emptied: dict[Place, float] = field(default_factory=dict[Place, float])

    def register(self, message: Register, now: float) -> bool:
        """Note or refresh; True where something is new. RefusedError for what cannot be used."""
        address, tls = self._address(message)
        places = [place for uri in message.uris if (place := split_uri(uri)) is not None]
        if not places:
            raise RefusedError("no uris that have a host")
        changed = self._evict(address, message)
        for host, path in places:
            pool = self._pools.setdefault(host, {}).setdefault(path, {})
            known = pool.get(address)
            stale = min(self.stale, message.stale_threshold_in_seconds or self.stale)
            one = Endpoint(
                address[0], address[1], tls, message.server_cert_domain_san, message.app, message.private_instance_id,
                message.private_instance_index, message.tags, now, stale,
            )  # fmt: skip
            changed |= known is None
            pool[address] = one
            self._places[address].add((host, path))
            self._emptied.pop((host, path), None)
        return changed

    def unregister(self, message: Register, now: float) -> bool:
        """Forget the endpoint at these addresses; what another instance has registered meanwhile stays."""
        address, _ = self._address(message)
        changed = False
        for uri in message.uris:
            if (place := split_uri(uri)) is None:
                continue
            known = self._pools.get(place[0], {}).get(place[1], {}).get(address)
            if known is None or _differ(known.instance, message.private_instance_id):
                continue
            self._remove(place, address, now)
            changed = True
        return changed

    def prune(self, now: float, since: float) -> int:
        """Forget what was not registered for too long, counted from `since` at the earliest: until then nobody could be heard. How many."""
        gone = [
            ((host, path), address)
            for host, paths in self._pools.items()
            for path, pool in paths.items()
            for address, one in pool.items()
            if now - max(one.seen, since) > one.stale
        ]
        for place, address in gone:
            self._remove(place, address, now)
        for place in [place for place, at in self._emptied.items() if now - at > self.empty]:
            del self._emptied[place]
        return len(gone)

    def lookup(self, host: str) -> list[Route]:
        """The routes a host's requests may take: the first whose path they are under. Nearer hosts first, then longer paths."""
        found: list[Route] = []
        for pattern in patterns(host.lower()):
            paths = self._pools.get(pattern, {})
            empty = {path: {} for name, path in self._emptied if name == pattern} if self._emptied else {}
            for path, pool in sorted((empty | paths).items(), key=lambda item: len(item[0]), reverse=True):
                found.append(
                    Route(
                        path,
                        [Served(e.host, e.port, e.tls, e.san, e.app, e.instance, e.index) for e in pool.values()],
                    )
                )
                if not path:
                    return found
        return found

    def listing(self) -> Iterator[tuple[str, list[Endpoint]]]:
        """Every address with its endpoints."""
        for host, paths in sorted(self._pools.items()):
            for path, pool in sorted(paths.items()):
                yield host + path, list(pool.values())

    @property
    def endpoints(self) -> int:
        """How many processes serve."""
        return len(self._places)

    @property
    def routes(self) -> int:
        """How many addresses are served."""
        return sum(len(paths) for paths in self._pools.values())

    def _address(self, message: Register) -> tuple[Address, bool]:
        tls = self.use_tls and message.tls_port > 0
        port = message.tls_port if tls else message.port
        if not 0 < port < 65536:
            raise RefusedError("only a TLS port, and no CA to check it by" if message.tls_port else "no port")
        try:
            return (str(ipaddress.ip_address(message.host)), port), tls
        except ValueError:
            raise RefusedError(f"host {message.host!r:.80} is no IP address") from None

    def _evict(self, address: Address, message: Register) -> bool:
        """A port belongs to one instance: what an earlier one registered there would lead to the wrong app."""
        changed = False
        for host, path in list(self._places.get(address, ())):
            known = self._pools[host][path][address]
            if _differ(known.instance, message.private_instance_id) or _differ(
                known.san, message.server_cert_domain_san
            ):
                self._remove((host, path), address, None)
                changed = True
        return changed

    def _remove(self, place: Place, address: Address, now: float | None) -> None:
        host, path = place
        pool = self._pools[host][path]
        del pool[address]
        places = self._places[address]
        places.discard(place)
        if not places:
            del self._places[address]
        if not pool:
            del self._pools[host][path]
            if now is not None and self.empty:
                self._emptied[place] = now
            if not self._pools[host]:
                del self._pools[host]


def _differ(one: str, other: str) -> bool:
    return bool(one) and bool(other) and one != other
