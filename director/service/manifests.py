"""Manifests as texts: their name, and the diff between what is deployed and what is sent."""

from __future__ import annotations

from director.manifest.diff import diff_manifests
from director.manifest.marks import read_yaml
from director.model.errors import BadRequest, Place
from director.model.rows import DeploymentRow
from director.service import configs
from director.service.house import House

Line = tuple[str, str | None]


def manifest_name(text: str) -> str:
    """The deployment's name; 40001 when the manifest has none."""
    data, _ = read_yaml(text, "manifest")
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(name, str) or not name:
        raise BadRequest(
            "Required property 'name' was not specified in object",
            code=40001,
            place=Place("manifest", 1, "/name"),
            remedy="A manifest starts with name: <deployment>",
        )
    return name


async def manifest_diff(house: House, name: str, text: str, *, redact: bool) -> list[Line]:
    """Lines with ``added``, ``removed`` or None, cloud and runtime configs included."""
    row = await house.store.get(DeploymentRow, name)
    before: list[str] = []
    if row is not None and row.manifest is not None:
        before = [one.content for one in await configs.pinned(house.store, "cloud", row.cloud_config_ids)]
        before += [one.content for one in await configs.pinned(house.store, "runtime", row.runtime_config_ids)]
    after = [one.content for one in await configs.current(house.store, "cloud")]
    after += [one.content for one in await configs.current(house.store, "runtime")]
    old = row.manifest if row is not None and row.manifest else ""
    return diff_manifests(old, text, before, after, redact=redact)
