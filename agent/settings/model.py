"""The settings of this VM: what the CPI handed over, overlaid by update_settings."""

from __future__ import annotations

from typing import Any

from agent.errors import SettingsError
from agent.shapes import Json, array_or_empty, object_or_empty, string_or_empty


class Settings:
    """Read access to settings.json (``given``) and update_settings.json (``update``)."""

    def __init__(self, given: Json, update: Json) -> None:
        self.given = given
        self.update = update
        if not string_or_empty(given.get("agent_id")):
            raise SettingsError("settings: agent_id: expected a non-empty string; the CPI must write it in create_vm")

    @property
    def agent_id(self) -> str:
        return str(self.given["agent_id"])

    @property
    def vm(self) -> Json:
        return object_or_empty(self.given.get("vm"))

    @property
    def env(self) -> Json:
        return object_or_empty(self.given.get("env"))

    @property
    def bosh(self) -> Json:
        return object_or_empty(self.env.get("bosh"))

    @property
    def networks(self) -> dict[str, Json]:
        return {name: object_or_empty(net) for name, net in object_or_empty(self.given.get("networks")).items()}

    @property
    def disks(self) -> Json:
        return object_or_empty(self.given.get("disks"))

    @property
    def bus(self) -> Json:
        """``urls`` and ``cert`` as given, most specific source first; {} if only the plain mbus address is given."""
        return {**object_or_empty(self.bosh.get("mbus")), **object_or_empty(self.update.get("mbus"))}

    @property
    def bus_urls(self) -> list[str]:
        """Servers of the message bus, most specific source first."""
        urls = [str(url) for url in array_or_empty(self.bus.get("urls"))]
        single = string_or_empty(self.given.get("mbus"))
        found = urls or ([single] if single else [])
        if not found:
            raise SettingsError("settings: neither mbus nor env.bosh.mbus.urls names a message bus")
        return found

    @property
    def bus_certificate(self) -> dict[str, str]:
        """``ca``, ``certificate`` and ``private_key`` in PEM."""
        found = object_or_empty(self.bus.get("cert"))
        missing = [key for key in ("ca", "certificate", "private_key") if not string_or_empty(found.get(key))]
        if missing:
            raise SettingsError(f"settings: env.bosh.mbus.cert lacks {', '.join(missing)}")
        return {key: str(found[key]) for key in ("ca", "certificate", "private_key")}

    @property
    def blobstore(self) -> Json:
        """``provider`` and ``options`` in force."""
        for place in (self.update.get("blobstores"), self.bosh.get("blobstores")):
            for entry in array_or_empty(place):
                return object_or_empty(entry)
        return object_or_empty(self.given.get("blobstore"))

    @property
    def ntp(self) -> list[str]:
        return [str(host) for host in array_or_empty(self.bosh.get("ntp")) or array_or_empty(self.given.get("ntp"))]

    @property
    def authorized_keys(self) -> list[str]:
        return [str(key).strip() for key in array_or_empty(self.bosh.get("authorized_keys"))]

    @property
    def disk_associations(self) -> dict[str, str]:
        """Disk CID -> name, for disks that a job formats itself."""
        pairs = [object_or_empty(entry) for entry in array_or_empty(self.update.get("disk_associations"))]
        return {str(pair["cid"]): str(pair["name"]) for pair in pairs if pair.get("cid") and pair.get("name")}

    def default_network(self, purpose: str = "gateway") -> Json:
        """The network that is default for ``purpose`` (gateway, dns), or the only one, or {}."""
        real = [net for net in self.networks.values() if net.get("type") != "vip"]
        for net in real:
            if purpose in array_or_empty(net.get("default")):
                return net
        return real[0] if len(real) == 1 else {}

    @property
    def nameservers(self) -> list[str]:
        return [str(server) for server in array_or_empty(self.default_network("dns").get("dns"))]

    @property
    def addresses(self) -> list[str]:
        return [str(net["ip"]) for net in self.networks.values() if net.get("ip")]


def is_dhcp(network: dict[str, Any]) -> bool:
    """The protocol's rule for a network that gets its address by itself."""
    if network.get("type") == "vip":
        return False
    lacks_address = not network.get("ip") or not (network.get("netmask") or network.get("prefix"))
    return bool(network.get("type") == "dynamic" or network.get("use_dhcp") or lacks_address or network.get("resolved"))
