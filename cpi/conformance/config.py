"""The configuration of a check: a YAML file beside the CPI. Without one, the defaults below hold."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import yaml

from cpi.contract import API_VERSION, Json
from cpi.plugins import methods

DEFAULT_NETWORKS: Json = {"default": {"type": "manual", "addresses": "10.254.77.10-10.254.77.250", "netmask": "255.255.255.0", "gateway": "10.254.77.1"}}  # fmt: skip
DEFAULT_TIMEOUT = 60.0
KEYS = (
    "properties", "environment", "stemcell", "vm", "disk", "networks", "managed_network", "env", "limits",
    "capabilities", "versions", "timeouts", "impossible", "probes", "secrets", "logs",
)  # fmt: skip
PROBES = ("inventory", "settings", "write", "read", "vanish")
Probe = str | tuple[str, ...]


class ConfigError(Exception):
    """The file cannot be used; the text names the key, what was expected, and what stands there."""


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One network of the VMs. A manual one hands out `addresses`, one after the other."""

    name: str
    entry: Json
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """See docs/reference/cpi-conformance.md. Sizes are MiB, times seconds."""

    properties: Json = field(default_factory=dict[str, object])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    image: Path | None = None
    """The stemcell's image; None for a tiny one that the kit makes."""
    stemcell_properties: Json = field(default_factory=dict[str, object])
    stemcell_version: int = 3
    vm_properties: Json = field(default_factory=dict[str, object])
    disk_size: int = 64
    disk_grown: int = 128
    disk_properties: Json = field(default_factory=dict[str, object])
    networks: tuple[NetworkPlan, ...] = ()
    managed_network: Json | None = None
    env: Json = field(default_factory=dict[str, object])
    at_once: int = 20
    capabilities: frozenset[str] | None = None
    """What the CPI declares; None for what a plugin implements, or an executable tells in `info`."""
    versions: tuple[int, ...] = ()
    timeouts: Mapping[str, float] = field(default_factory=dict[str, float])
    impossible: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """`vm` and `disk`: cloud properties (and a size) that the cloud cannot serve for want of room."""
    probes: Mapping[str, Probe] = field(default_factory=dict[str, Probe])
    secrets: tuple[str, ...] = ()
    logs: tuple[Path, ...] = ()

    @classmethod
    def default(cls) -> Config:
        """What holds without a file."""
        return parse({})

    def timeout(self, method: str) -> float:
        """Seconds that a call of this method may take."""
        return self.timeouts.get(method, self.timeouts.get("default", DEFAULT_TIMEOUT))

    def has(self, name: str) -> bool:
        """Whether a value that a case wants is there: `managed_network`, `impossible.vm`, `probes.write`."""
        first, _, second = name.partition(".")
        if first == "probes":
            return second in self.probes
        if first == "impossible":
            return second in self.impossible
        return getattr(self, first) is not None


def load(path: Path) -> Config:
    """Read the file."""
    try:
        document = cast(object, yaml.safe_load(path.read_text()))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error
    try:
        return parse(_hash("the file", document), path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(given: Json, base: Path = Path()) -> Config:
    """Read the document; relative paths are taken from `base`."""
    _known("", given, KEYS)
    stemcell = _section(given, "stemcell", ("image", "cloud_properties", "api_version"))
    vm = _section(given, "vm", ("cloud_properties",))
    disk = _section(given, "disk", ("size", "grow_to", "cloud_properties"))
    limits = _section(given, "limits", ("at_once",))
    size = _whole("disk.size", disk.get("size", 64))
    impossible = _section(given, "impossible", ("vm", "disk"))
    timeouts = _hash("timeouts", given.get("timeouts"))
    managed = given.get("managed_network")
    declared = given.get("capabilities")
    image = stemcell.get("image")
    return Config(
        properties=_hash("properties", given.get("properties")),
        environment={key: str(value) for key, value in _hash("environment", given.get("environment")).items()},
        image=None if image is None else base / _text("stemcell.image", image),
        stemcell_properties=_hash("stemcell.cloud_properties", stemcell.get("cloud_properties")),
        stemcell_version=_whole("stemcell.api_version", stemcell.get("api_version", 3)),
        vm_properties=_hash("vm.cloud_properties", vm.get("cloud_properties")),
        disk_size=size,
        disk_grown=_whole("disk.grow_to", disk.get("grow_to", size * 2)),
        disk_properties=_hash("disk.cloud_properties", disk.get("cloud_properties")),
        networks=_networks(_hash("networks", given.get("networks") or DEFAULT_NETWORKS)),
        managed_network=None if managed is None else _hash("managed_network", managed),
        env=_hash("env", given.get("env")),
        at_once=_whole("limits.at_once", limits.get("at_once", 20)),
        capabilities=None if declared is None else _capabilities(_texts("capabilities", declared)),
        versions=_versions(given.get("versions")),
        timeouts={name: _number(f"timeouts.{name}", value) for name, value in timeouts.items()},
        impossible={kind: _hash(f"impossible.{kind}", value) for kind, value in impossible.items()},
        probes=_probes(_section(given, "probes", PROBES)),
        secrets=_texts("secrets", given.get("secrets")),
        logs=tuple(base / one for one in _texts("logs", given.get("logs"))),
    )


def _networks(given: Json) -> tuple[NetworkPlan, ...]:
    plans: list[NetworkPlan] = []
    for name, value in given.items():
        where = f"networks.{name}"
        entry = _hash(where, value)
        kind = entry.get("type", "manual")
        if kind not in ("manual", "dynamic"):
            raise ConfigError(f"{where}.type must be manual or dynamic, not {kind!r}")
        addresses = _range(f"{where}.addresses", entry.get("addresses")) if kind == "manual" else ()
        plans.append(NetworkPlan(name, {**entry, "type": kind}, addresses))
    return tuple(plans)


def _range(where: str, value: object) -> tuple[str, ...]:
    first, _, last = _text(where, value).partition("-")
    try:
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address((last or first).strip())
    except ValueError as error:
        raise ConfigError(f"{where} must be FIRST-LAST, two addresses, not {value!r}") from error
    count = int(high) - int(low) + 1
    if low.version != high.version or count < 1:
        raise ConfigError(f"{where} must go from a lower to a higher address of one family, not {value!r}")
    return tuple(str(low + number) for number in range(min(count, 4096)))


def _probes(given: Json) -> dict[str, Probe]:
    return {name: value if isinstance(value, str) else _texts(f"probes.{name}", value) for name, value in given.items()}


def _capabilities(given: tuple[str, ...]) -> frozenset[str]:
    unknown = sorted(set(given) - set(methods()))
    if unknown:
        raise ConfigError(f"capabilities: {', '.join(unknown)} is no call of the contract")
    return frozenset(given)


def _versions(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(
        isinstance(one, int) and 1 <= one <= API_VERSION for one in cast("list[object]", value)
    ):
        raise ConfigError(f"versions must be a list of 1 to {API_VERSION}, not {value!r}")
    return tuple(cast("list[int]", value))


def _section(given: Json, key: str, names: tuple[str, ...]) -> Json:
    section = _hash(key, given.get(key))
    _known(key, section, names)
    return section


def _known(where: str, given: Json, names: tuple[str, ...]) -> None:
    for key in given:
        if key not in names:
            place = f"{where}.{key}" if where else key
            raise ConfigError(f"{place} is not known; known are {', '.join(names)}")


def _hash(where: str, value: object) -> Json:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a hash, not {value!r}")
    return {str(key): inner for key, inner in cast("Mapping[object, object]", value).items()}


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} must be a string that is not empty, not {value!r}")
    return value


def _texts(where: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ConfigError(f"{where} must be a list of strings, not {value!r}")
    return tuple(_text(f"{where}[{place}]", one) for place, one in enumerate(cast("list[object]", value)))


def _whole(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{where} must be a whole number above 0, not {value!r}")
    return value


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ConfigError(f"{where} must be a number of seconds above 0, not {value!r}")
    return float(value)
