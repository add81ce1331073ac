"""`name/version` and `group/id` arguments."""

from __future__ import annotations

from dataclasses import dataclass

from meristem.cli.failure import CliError


@dataclass(frozen=True)
class InstanceSlug:
    """Everything (`*`, `*`), a group, or one instance by uuid or index."""

    group: str = "*"
    instance: str = "*"

    @property
    def one(self) -> bool:
        """True for a single instance."""
        return self.instance != "*"


def name_and_version(text: str, what: str) -> tuple[str, str]:
    """Splits `name/version`; both are needed."""
    name, slash, version = text.partition("/")
    if not (slash and name and version):
        raise CliError(f"Expected {what} '{text}' to be in format 'name/version'.", f"For example: {what}/1.2")
    return name, version


def instance(text: str | None) -> InstanceSlug:
    """Reads nothing, `group` or `group/id`."""
    if not text:
        return InstanceSlug()
    group, slash, name = text.partition("/")
    if not group or (slash and not name) or "/" in name:
        raise CliError(f"Expected instance '{text}' to be in format 'group' or 'group/id-or-index'.")
    return InstanceSlug(group, name or "*")


def one_instance(text: str) -> InstanceSlug:
    """Reads `group/id`."""
    found = instance(text)
    if not found.one:
        raise CliError(f"Expected instance '{text}' to be in format 'group/id-or-index'.")
    return found
