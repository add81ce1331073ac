"""The plugin's settings: a configuration file of the cpi.json form below the properties that come with each call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from cpi.contract import ERRORS, CloudError, Json

RESERVED = frozenset({"director_uuid", "request_id", "vm", "key"})
"""Context keys that are not properties of the CPI config."""


class SettingsError(CloudError):
    """The configuration file cannot be used."""

    type_name = "Meristem::SettingsError"


ERRORS[SettingsError.type_name] = SettingsError


def read(path: Path, plugin: str) -> dict[str, object]:
    """Read `{"cloud": {"plugin": .., "properties": {PLUGIN: {..}, "agent": {..}, ..}}}`.

    The plugin's own section is lifted to the top; the sections beside it (agent, blobstore, ntp) stay as they are.
    """
    try:
        document = cast(object, json.loads(path.read_text()))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: is not JSON: {error}") from error
    cloud = _section(path, document, "cloud")
    named = cloud.get("plugin", plugin)
    if named != plugin:
        raise SettingsError(f"{path}: cloud.plugin is {named!r}, but plugin {plugin!r} was started with this file")
    properties = _section(path, cloud, "properties")
    own = properties.get(plugin, {})
    if not isinstance(own, dict):
        raise SettingsError(f"{path}: cloud.properties.{plugin} must be a hash")
    return {**{key: value for key, value in properties.items() if key != plugin}, **own}


def merge(base: Json, over: Json) -> dict[str, object]:
    """`over` on top of `base`: hashes key by key, everything else replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(cast(Json, old), cast(Json, value))
        else:
            merged[key] = value
    return merged


def of_context(context: Json) -> dict[str, object]:
    """The CPI config's properties out of a request's context."""
    return {key: value for key, value in context.items() if key not in RESERVED}


def _section(path: Path, document: object, key: str) -> dict[str, object]:
    value = cast("dict[str, object]", document).get(key) if isinstance(document, dict) else None
    if not isinstance(value, dict):
        raise SettingsError(f"{path}: {key} is missing or is not a hash; the form is "
                            '{"cloud": {"plugin": NAME, "properties": {NAME: {..}}}}')  # fmt: skip
    return cast("dict[str, object]", value)
