"""The apply spec: what the director wants on this VM (agent protocol, section 4)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import durable
from agent.errors import ArgumentError
from agent.shapes import Json, array_or_empty, as_string, object_or_empty, string_or_empty


@dataclass(frozen=True)
class JobTemplate:
    """One release job of the instance group."""

    name: str
    version: str


class Spec:
    """Read access to one apply spec."""

    def __init__(self, raw: Json) -> None:
        self.raw = raw

    @property
    def jobs(self) -> list[JobTemplate]:
        """Release jobs in the director's order; [] for none."""
        entries = [object_or_empty(entry) for entry in array_or_empty(self._job.get("templates"))]
        return [
            JobTemplate(_plain_name(entry.get("name"), "job.templates[].name"), string_or_empty(entry.get("version")))
            for entry in entries
        ]

    @property
    def first_job(self) -> str:
        """The job that an errand without a name means; the empty string if there is none."""
        named = string_or_empty(self._job.get("template"))
        return named or next((job.name for job in self.jobs), "")

    @property
    def group(self) -> str | None:
        """The instance group's name, or None."""
        return string_or_empty(self._job.get("name")) or None

    @property
    def packages(self) -> dict[str, Json]:
        found = object_or_empty(self.raw.get("packages"))
        return {_plain_name(name, "packages"): object_or_empty(entry) for name, entry in found.items()}

    @property
    def templates_archive(self) -> Json:
        return object_or_empty(self.raw.get("rendered_templates_archive"))

    @property
    def configuration_hash(self) -> str:
        return string_or_empty(self.raw.get("configuration_hash"))

    @property
    def networks(self) -> dict[str, Json]:
        return {name: object_or_empty(net) for name, net in object_or_empty(self.raw.get("networks")).items()}

    @property
    def persistent_disk(self) -> int:
        """MiB."""
        size = self.raw.get("persistent_disk")
        return size if isinstance(size, int) else 0

    @property
    def max_log_file_size(self) -> str:
        logging = object_or_empty(object_or_empty(self.raw.get("properties")).get("logging"))
        return str(logging.get("max_log_file_size") or "50M")

    @property
    def _job(self) -> Json:
        return object_or_empty(self.raw.get("job"))


class SpecStore:
    """spec.json."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._current: Spec | None = None

    @property
    def current(self) -> Spec:
        """The last applied spec; an empty one before the first apply."""
        with self._lock:
            if self._current is None:
                self._current = Spec(object_or_empty(durable.read_json(self._path)))
            return self._current

    def replace(self, raw: Json) -> None:
        """Commit a new spec."""
        with self._lock:
            durable.write_json(self._path, raw)
            self._current = Spec(raw)


def _plain_name(value: Any, place: str) -> str:
    name = as_string(value, f"apply spec: {place}")
    if "/" in name or name.startswith("."):
        raise ArgumentError(f"apply spec: {place}: {name!r:.60} is not a plain name")
    return name
