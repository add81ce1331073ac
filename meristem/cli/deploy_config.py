"""Deploy configs: default flags that operators store at the director."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import Director
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.formats.values import Hash, is_hash, is_list, strings
from meristem.formats.yaml_marks import load


def flags_for(session: Session, director: Director, deployment: str) -> set[str]:
    """The flags (`fix`, `recreate`, ...) that apply to a deployment."""
    try:
        configs = director.rows("/configs", {"type": "deploy", "limit": "1", "latest": "true"})
    except CliError:
        # A reader without the right to list configs may still deploy.
        return set()
    chosen: set[str] = set()
    for config in configs:
        label = f"config of type '{text(config.get('type'))}' (name: '{text(config.get('name'))}')"
        content = load(text(config.get("content")), label)
        if not is_hash(content):
            continue
        include, exclude = content.get("include"), content.get("exclude")
        if is_list(include) and is_list(exclude):
            session.screen.line(
                f"Ignoring deployment flags from {label}. Please use only 'include'- OR 'exclude'-property in the config."
            )
        elif _applies(content, deployment):
            session.screen.error_line(f"Using deployment flags from {label}")
            chosen.update(strings(content.get("flags")))
    return chosen


def _applies(content: Hash, deployment: str) -> bool:
    include, exclude = content.get("include"), content.get("exclude")
    if is_list(include):
        return deployment in include
    return not (is_list(exclude) and deployment in exclude)
