"""The plugin's properties, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from cpi.contract import CloudError, Json

VIRT_TYPES = ("lxc",)
DEFAULT_URI = {"lxc": "lxc:///system"}


@dataclass(frozen=True, slots=True)
class Config:
    """Properties of one call. Paths are absolute; `prefix` begins the name of each domain and cgroup made."""

    uri: str
    state_dir: Path
    virt_type: str = "lxc"
    network: str = "default"
    prefix: str = "m"
    memory: int = 512
    cpus: int = 1
    mbus: str = ""
    ntp: tuple[str, ...] = ()
    blobstore: Json = field(default_factory=dict[str, object])

    @classmethod
    def parse(cls, properties: Json) -> Config:
        """Read the merged properties; CloudError names the one that is wrong."""
        virt_type = _text(properties, "virt_type", "lxc")
        if virt_type not in VIRT_TYPES:
            raise CloudError(
                f"libvirt property virt_type is {virt_type!r}; this version runs {', '.join(VIRT_TYPES)} only"
            )
        state_dir = Path(_text(properties, "state_dir", "/var/lib/meristem/libvirt"))
        if not state_dir.is_absolute() or set(str(state_dir)) & set(",:\\"):
            raise CloudError(
                f"libvirt property state_dir {str(state_dir)!r} must be absolute, without ',', ':' and '\\'"
            )
        prefix = _text(properties, "name_prefix", "m")
        if not prefix.replace("-", "").isalnum() or len(prefix) > 20:
            raise CloudError(f"libvirt property name_prefix {prefix!r} must be 1 to 20 letters, digits and '-'")
        agent = _section(properties, "agent")
        return cls(
            uri=_text(properties, "uri", DEFAULT_URI[virt_type]),
            state_dir=state_dir,
            virt_type=virt_type,
            network=_text(properties, "network", "default"),
            prefix=prefix,
            memory=number(properties, "memory", 512),
            cpus=number(properties, "cpus", 1),
            mbus=_text(agent, "mbus", _text(properties, "mbus", "")),
            ntp=_texts(agent, "ntp") or _texts(properties, "ntp"),
            blobstore=_section(agent, "blobstore") or _section(properties, "blobstore"),
        )


def number(properties: Json, key: str, default: int) -> int:
    """A whole number above 0."""
    value = properties.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CloudError(f"libvirt property {key} must be a whole number above 0, not {value!r}")
    return value


def _text(properties: Json, key: str, default: str) -> str:
    value = properties.get(key) or default
    if not isinstance(value, str):
        raise CloudError(f"libvirt property {key} must be a string, not {value!r}")
    return value


def _texts(properties: Json, key: str) -> tuple[str, ...]:
    value = properties.get(key) or []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise CloudError(f"libvirt property {key} must be a list of strings, not {value!r}")
    return tuple(str(item) for item in cast("Sequence[object]", value))


def _section(properties: Json, key: str) -> Json:
    value = properties.get(key) or {}
    if not isinstance(value, Mapping):
        raise CloudError(f"libvirt property {key} must be a hash, not {value!r}")
    return cast(Json, value)
