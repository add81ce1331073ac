"""Configs by type and name: the versions in force, and those that a deploy pinned."""

from __future__ import annotations

from collections.abc import Sequence

from director.manifest.cloud_config import load_cloud_config
from director.manifest.runtime_config import RuntimeConfig, load_runtime_configs
from director.manifest.subnets import NetworkRules
from director.model.cloud_config import CloudConfig
from director.model.errors import BadRequest
from director.model.rows import ConfigRow
from director.ports.store import Store


async def current(store: Store, type: str) -> list[ConfigRow]:
    """The newest version of every named config of a type; ``default`` first, then by name."""
    newest: dict[str, ConfigRow] = {}
    for row in await store.find(ConfigRow, newest_first=True, type=type):
        newest.setdefault(row.name, row)
    alive = [row for row in newest.values() if not row.deleted]
    return sorted(alive, key=lambda row: (row.name != "default", row.name))


async def pinned(store: Store, type: str, ids: Sequence[int] | None) -> list[ConfigRow]:
    """The configs with these ids, or the current ones; 190025 for an unknown id."""
    if ids is None:
        return await current(store, type)
    rows: list[ConfigRow] = []
    for one in ids:
        row = await store.get(ConfigRow, f"{one:012d}")
        if row is None or row.type != type:
            raise BadRequest(
                f"These config ids do not exist: {one}",
                code=190025,
                remedy="Show the diff again: configs have changed since",
            )
        rows.append(row)
    return rows


def cloud_config(rows: Sequence[ConfigRow], own_addresses: Sequence[str] = ()) -> CloudConfig:
    """All named cloud configs as one; the director's own addresses can be nobody's static ones."""
    rules = NetworkRules(director_ips=tuple(own_addresses))
    return load_cloud_config([(f"cloud config '{row.name}'", row.content) for row in rows], rules=rules)


def runtime_configs(rows: Sequence[ConfigRow]) -> tuple[RuntimeConfig, ...]:
    """Runtime configs in order."""
    return load_runtime_configs([(f"runtime config '{row.name}'", row.content) for row in rows])
