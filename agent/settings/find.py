"""Find the settings: the first source that has them wins; the cached copy is the last resort."""

from __future__ import annotations

import logging
from typing import Any

from agent import durable
from agent.errors import SettingsError
from agent.layout import Layout
from agent.settings.model import Settings
from agent.settings.source import Source
from agent.shapes import Json, array_or_empty, object_or_empty, string_or_empty

log = logging.getLogger(__name__)

DEFAULT_SOURCES: list[Json] = [
    {"Type": "File", "SettingsPath": "/var/vcap/seed/settings.json"},
    {
        "Type": "ConfigDrive",
        "DiskPaths": ["/dev/disk/by-label/config-2", "/dev/disk/by-label/CONFIG-2"],
        "UserDataPath": "ec2/latest/user-data",
    },
    {"Type": "CDROM", "FileName": "env"},
]


def sources(layout: Layout) -> list[Source]:
    """The sources that agent.json lists, or the default ones; an unknown type raises SettingsError."""
    config = object_or_empty(durable.read_json(layout.agent_config))
    listed = object_or_empty(object_or_empty(config.get("Infrastructure")).get("Settings")).get("Sources")
    return [_source(object_or_empty(entry), layout) for entry in array_or_empty(listed) or DEFAULT_SOURCES]


def _source(entry: Json, layout: Layout) -> Source:
    kind = entry.get("Type")
    if kind == "File":
        from agent.settings.file_source import FileSource

        path = string_or_empty(entry.get("SettingsPath")) or string_or_empty(entry.get("UserDataPath"))
        return FileSource(layout.resolve(path))
    if kind == "ConfigDrive":
        from agent.settings.config_drive import ConfigDriveSource

        disks = [str(layout.resolve(str(disk))) for disk in array_or_empty(entry.get("DiskPaths"))]
        return ConfigDriveSource(disks, str(entry.get("SettingsPath") or entry.get("UserDataPath") or "user-data"))
    if kind == "CDROM":
        from agent.settings.cdrom import CdromSource

        return CdromSource(str(entry.get("FileName") or "env"))
    if kind in ("HTTP", "InstanceMetadata"):
        from agent.settings.http_source import HttpSource

        headers = {str(key): str(value) for key, value in object_or_empty(entry.get("Headers")).items()}
        path = str(entry.get("SettingsPath") or entry.get("UserDataPath") or "/latest/user-data")
        return HttpSource(str(entry.get("URI") or ""), path, headers, str(entry.get("TokenPath") or ""))
    raise SettingsError(
        f"{layout.agent_config}: Infrastructure.Settings.Sources: Type {kind!r} is not known; "
        "use File, ConfigDrive, CDROM, HTTP or InstanceMetadata"
    )


def fetch(layout: Layout) -> Settings:
    """Read the settings from the first source that has them and cache them; the cache serves if none has."""
    failures: list[str] = []
    for source in sources(layout):
        try:
            given = source.read()
            settings = Settings(given, _update(layout))
        except SettingsError as error:
            failures.append(str(error))
            continue
        if durable.read_json(layout.settings) != given:
            durable.write_json(layout.settings, given)
        log.info("settings of agent %s come from %s", settings.agent_id, source.place)
        return settings
    cached: Any = durable.read_json(layout.settings)
    if cached is None:
        raise SettingsError("no settings found: " + "; ".join(failures))
    log.warning("no source has settings (%s); the cached ones serve", "; ".join(failures))
    return Settings(object_or_empty(cached), _update(layout))


def cached(layout: Layout) -> Settings:
    """The cached settings with the stored update; SettingsError if there are none."""
    given = durable.read_json(layout.settings)
    if given is None:
        return fetch(layout)
    return Settings(object_or_empty(given), _update(layout))


def _update(layout: Layout) -> Json:
    return object_or_empty(durable.read_json(layout.update_settings))
