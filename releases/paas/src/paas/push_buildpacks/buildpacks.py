"""The part of the v3 API that buildpacks are put in by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paas.admin.session import AdminSession

DIGEST = "sha256"
"""Annotation with the digest of what was uploaded."""


def buildpacks(session: AdminSession, name: str) -> list[dict[str, Any]]:
    """Those of this name, of whatever stack."""
    return session.resources("/v3/buildpacks", names=name)


def create(session: AdminSession, name: str) -> dict[str, Any]:
    """A new one, behind all that are there."""
    count = session.api("GET", "/v3/buildpacks", params={"per_page": 1}).json()["pagination"]["total_results"]
    return session.api("POST", "/v3/buildpacks", json={"name": name, "position": count + 1}).json()


def upload(session: AdminSession, guid: str, file: Path, digest: str) -> None:
    """Its content, taken over by the platform when this returns."""
    with file.open("rb") as opened:
        answer = session.api(
            "POST", f"/v3/buildpacks/{guid}/upload", files={"bits": (file.name, opened, "application/zip")}
        )
    session.finish(answer)
    session.api("PATCH", f"/v3/buildpacks/{guid}", json={"metadata": {"annotations": {DIGEST: digest}}})
