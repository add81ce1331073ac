"""Sealed plans as files: what `deploy --plan-only` writes and `apply` reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from meristem.cli import plan_view, template
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.formats.values import Hash, as_value, is_hash, text_or_none


def make(session: Session, deployment: str, manifest: str, query: Mapping[str, str | None]) -> Hash:
    """The director's sealed plan; an error from a director that makes none."""
    document = plan_view.sealed(session, deployment, manifest, query)
    if document is None:
        raise none()
    return document


def none() -> CliError:
    """A stock director cannot seal."""
    return CliError("This director makes no sealed plans.", "Deploy without --plan-only.")


def dump(document: Hash) -> str:
    """As JSON that diffs well."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write(session: Session, path: str, document: Hash) -> None:
    """To a file that only its owner may read: the manifest is in it, with the values that variables files gave it."""
    place = Path(path).expanduser()
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(dump(document))
    except OSError as error:
        raise CliError(f"Cannot write '{path}': {error.strerror}", "Choose another --plan-file.") from error
    session.screen.line(f"The sealed plan is in {path}. Carry it out: meristem apply {path}")


def read(path: str) -> Hash:
    """The document of a file."""
    try:
        document = as_value(json.loads(template.read(path)))
    except ValueError as error:
        raise CliError(f"'{path}' is no sealed plan: {error}", "Give what deploy --plan-only wrote.") from error
    if not is_hash(document) or not text_or_none(document.get("deployment")) or not is_hash(document.get("plan")):
        raise CliError(f"'{path}' is no sealed plan.", "Give what deploy --plan-only wrote.")
    return document


def plan_of(document: Hash) -> Hash:
    """The part for people."""
    plan = document.get("plan")
    return plan if is_hash(plan) else {}


def deployment_of(session: Session, document: Hash) -> str:
    """The plan's deployment, which -d may only repeat."""
    name = text_or_none(document.get("deployment")) or ""
    if session.settings.deployment not in ("", name):
        raise CliError(
            f"The plan is of deployment '{name}', not of '{session.settings.deployment}'.",
            "Correct -d or leave it out.",
        )
    return name
