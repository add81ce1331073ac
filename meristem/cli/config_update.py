"""Updating configs: diff, confirmation, then a save that refuses when another was faster."""

from __future__ import annotations

from meristem.cli import diff_view
from meristem.cli.cells import text
from meristem.cli.director import ApiError
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.formats.values import Hash, is_hash, text_or_none


def update(session: Session, kind: str, name: str, content: str, *, expected: str | None = None) -> None:
    """Saves a config of a type and name. `expected` is the id that must still be the latest (default: the diffed)."""
    director = session.director()
    body: Hash = {"type": kind, "name": name, "content": content}
    answer = director.send("POST", "/configs/diff", body)
    if not is_hash(answer):
        raise CliError("The director's reply to the config diff is not an object.")
    problem = text_or_none(answer.get("error"))
    if problem:
        raise CliError(problem)
    diff_view.show(session, answer.get("diff"))
    session.screen.confirm()
    origin = answer.get("from")
    latest = expected or (text(origin.get("id")) if is_hash(origin) else "")
    if latest:
        body["expected_latest_id"] = latest
    try:
        director.send("POST", "/configs", body)
    except ApiError as error:
        if error.status != 412:
            raise
        raise CliError(
            f"Config '{kind}/{name}' changed meanwhile: {error.message}", "Look at the new diff: run the command again."
        ) from error


def show_latest(session: Session, kind: str, name: str) -> None:
    """Shows the content of the latest config of a type and name."""
    query = {"type": kind, "name": name, "latest": "true"}
    found = session.director().rows("/configs", query)
    if not found:
        raise CliError(f"No {kind} config", f"Upload one with update-{kind}-config.")
    session.screen.block(text(found[0].get("content")).rstrip("\n") + "\n")
