"""One call's view of the cloud: its settings, its services, and waiting for what it asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from cpi.contract import Call, CloudError, Facts
from cpi.openstack import sessions
from cpi.openstack.api import Api, Effects
from cpi.openstack.batch import Batch, Document, pause
from cpi.openstack.config import Config

FEW = 3
"""Objects that are asked for one by one rather than by a list of all."""
PAGE = 1000


class Cloud:
    """Services are found in the catalogue when they are first asked."""

    def __init__(self, config: Config, call: Call) -> None:
        self.config = config
        self.call = call
        self.effects = Effects()
        self._signed = sessions.of(config.account)
        self.nova = self._api("nova")
        self.glance = self._api("glance")
        self.neutron = self._api("neutron")
        self.cinder = self._api("cinder")

    def octavia(self) -> Api:
        """The load balancers' service, which a cloud need not have."""
        return self._api("octavia")

    def _api(self, name: str) -> Api:
        return Api(name, self._signed, self.call, self.config.state_timeout, self.effects)

    def await_server(self, cid: str, ready: Callable[[Document | None], bool]) -> Document | None:
        """The server once `ready` says so; None is a server that is gone."""
        return self._until(f"VM '{cid}'", cid, self._signed.servers, self._servers, ready, _server_state)

    def await_volume(self, cid: str, ready: Callable[[Document | None], bool]) -> Document | None:
        """The same for a volume."""
        return self._until(f"disk '{cid}'", cid, self._signed.volumes, self._volumes, ready, _status)

    def await_snapshot(self, cid: str, ready: Callable[[Document | None], bool]) -> Document | None:
        """The same for a snapshot of a volume."""
        return self._until(f"snapshot '{cid}'", cid, self._signed.snapshots, self._snapshots, ready, _status)

    def look_at_servers(self, cids: Iterable[str]) -> Mapping[str, Document]:
        """Those of them that exist, with few requests."""
        return self._servers(cids)

    def _until(
        self,
        what: str,
        cid: str,
        batch: Batch,
        fetch: Callable[[Iterable[str]], Mapping[str, Document]],
        ready: Callable[[Document | None], bool],
        state: Callable[[Document], str],
    ) -> Document | None:
        began = time.monotonic()
        while True:
            found = batch.look(cid, fetch)
            if ready(found):
                return found
            self.call.check()
            waited = time.monotonic() - began
            if waited > self.config.state_timeout:
                shown = state(found) if found else "gone"
                raise CloudError(
                    f"{what} is still {shown} after {self.config.state_timeout:g} s (state_timeout); look at the cloud's "
                    "log for it, and have an administrator reset its state",
                    facts=Facts(endpoint=self.nova.where() if what.startswith("VM") else self.cinder.where()),
                )
            time.sleep(pause(waited, self.config.poll_interval))

    def _servers(self, cids: Iterable[str]) -> Mapping[str, Document]:
        return _fetch(self.nova, "/servers", "server", set(cids))

    def _volumes(self, cids: Iterable[str]) -> Mapping[str, Document]:
        return _fetch(self.cinder, "/volumes", "volume", set(cids))

    def _snapshots(self, cids: Iterable[str]) -> Mapping[str, Document]:
        return _fetch(self.cinder, "/snapshots", "snapshot", set(cids))


def _fetch(api: Api, path: str, kind: str, wanted: set[str]) -> Mapping[str, Document]:
    found: dict[str, Document] = {}
    if len(wanted) > FEW:
        listed = api.pages(f"{path}/detail", f"{kind}s", {"limit": PAGE})
        found = {str(one["id"]): one for one in listed if one["id"] in wanted}
    for cid in wanted - found.keys():  # not listed is no proof of its absence
        one = api.find(f"{path}/{cid}")
        if one is not None:
            found[cid] = cast("dict[str, Any]", one[kind])
    return found


def _status(found: Document) -> str:
    return str(found.get("status", "unknown"))


def _server_state(found: Document) -> str:
    task = found.get("OS-EXT-STS:task_state")
    return f"{found.get('status', 'unknown')}{f' ({task})' if task else ''}"
