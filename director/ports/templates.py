"""Rendering of job templates (ERB by a real Ruby)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from director.model.deployment import Document


class RenderRequest(Struct, frozen=True):
    """One job on one instance. ``archive`` is the job's tgz; ``context`` the ERB binding's data: deployment, name, index, id, az, bootstrap,
    address, networks, properties (nested, visible ones with defaults, interpolated), links, release, spec ... (job-templates contract §4).
    Requests may share parts of their contexts: they are only read."""

    instance: str
    group: str
    job: str
    archive: Path
    spec: Document
    context: Document


class Rendered(Struct, frozen=True):
    """Rendered files by destination (``monit``, ``bin/ctl``, ``.bosh/links.json``); or errors, as the contract words them."""

    instance: str
    job: str
    files: dict[str, bytes] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


class Templates(Protocol):
    """A warm renderer."""

    async def render(self, requests: Sequence[RenderRequest]) -> list[Rendered]:
        """Answers in the order of the requests; errors are data, not exceptions."""
        ...

    async def close(self) -> None: ...
