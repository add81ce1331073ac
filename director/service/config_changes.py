"""Change configs: checked when their type is known, kept as versions, deleted softly."""

from __future__ import annotations

from typing import Any

import msgspec

from director.manifest.cloud_config import load_cloud_config
from director.manifest.cpi_config import load_cpi_configs
from director.manifest.diff import diff_documents
from director.manifest.marks import read_yaml
from director.manifest.runtime_config import load_runtime_configs
from director.model.deployment import Document
from director.model.errors import BadRequest, NotFound
from director.model.rows import ConfigRow
from director.ports.store import Changes
from director.service import configs
from director.service.house import House

Line = tuple[str, str | None]


async def newest(house: House, type: str, name: str) -> ConfigRow | None:
    """The current version of a named config."""
    rows = await house.store.find(ConfigRow, newest_first=True, limit=1, type=type, name=name, deleted=False)
    return rows[0] if rows else None


async def save_config(house: House, type: str, name: str, content: str, expected: Any) -> ConfigRow | str:
    """The new version (the present one when the content is equal), or the latest id when it is not the expected one."""
    present = await newest(house, type, name)
    latest = str(present.id) if present else "0"
    if expected is not None and str(expected) != latest:
        return latest
    await check_config(house, type, name, content)
    if present is not None and present.content == content:
        return present
    number = await house.store.next_id("configs")
    row = ConfigRow(id=number, type=type, name=name, content=content, created_at=house.clock.now())
    await house.store.commit(Changes(put=(row,)))
    return row


async def check_config(house: House, type: str, name: str, content: str) -> None:
    """Refuses what cannot be used: any config must be a hash; cloud, runtime and CPI configs are read with their named siblings."""
    label = f"{type} config '{name}'"
    data, _ = read_yaml(content, label)
    if not isinstance(data, dict):
        raise BadRequest(f"{label}: content must be a YAML hash", code=440010, remedy="Write keys and values")
    others = [
        (f"{type} config '{row.name}'", row.content)
        for row in await configs.current(house.store, type)
        if row.name != name
    ]
    match type:
        case "cloud":
            load_cloud_config([*others, (label, content)])
        case "runtime":
            load_runtime_configs([*others, (label, content)])
        case "cpi":
            load_cpi_configs([*others, (label, content)])
        case _:
            pass


async def config_diff(house: House, body: Document) -> tuple[list[Line], str]:
    """Lines, and the id of the version compared with. ``body`` as POSTed: type, name, content; or from and to."""
    if "from" in body and "to" in body:
        old, old_id = await _side(house, body["from"])
        new, _ = await _side(house, body["to"])
        return diff_documents(old, new), old_id
    type, name, content = (str(body.get(key) or "") for key in ("type", "name", "content"))
    await check_config(house, type, name, content)
    present = await newest(house, type, name)
    return diff_documents(present.content if present else "", content), str(present.id) if present else "0"


async def delete_configs(house: House, type: str, name: str, *, only: int | None = None) -> bool:
    """Softly delete all versions of a named config, or one; whether there was any."""
    rows = [
        row
        for row in await house.store.find(ConfigRow, type=type, name=name, deleted=False)
        if only is None or row.id == only
    ]
    await house.store.commit(Changes(put=tuple(msgspec.structs.replace(row, deleted=True) for row in rows)))
    return bool(rows)


async def _side(house: House, side: Any) -> tuple[str, str]:
    if not isinstance(side, dict):
        raise BadRequest("'from' and 'to' must hold 'id' or 'content'", code=440010)
    if side.get("content") is not None:
        return str(side["content"]), "0"
    text = str(side.get("id") or "")
    row = await house.store.get(ConfigRow, f"{int(text):012d}") if text.isdigit() else None
    if row is None:
        raise NotFound(f"Config with ID '{text}' not found.", code=440012)
    return row.content, str(row.id)
