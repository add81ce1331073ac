"""~/.meristem/config: named environments with their CA and credentials, readable by the owner alone."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from meristem.cli.failure import CliError
from meristem.formats import yaml_dump, yaml_marks
from meristem.formats.values import Hash, hashes, is_hash, text_or_none


@dataclass
class Environment:
    """A director's address (`https://host:25555`) with what was stored for it."""

    url: str
    alias: str = ""
    ca_cert: str = ""
    username: str = ""
    password: str = ""
    refresh_token: str = ""


class Environments:
    """The stored environments; `save` replaces the file as a whole, mode 0600."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self._known = self._read()

    def all(self) -> list[Environment]:
        """All, in file order."""
        return list(self._known)

    def find(self, name: str) -> Environment | None:
        """By alias, else by address."""
        by_alias = next((known for known in self._known if known.alias and known.alias == name), None)
        url = address(name)
        return by_alias or next((known for known in self._known if known.url == url), None)

    def put(self, environment: Environment) -> None:
        """Adds or replaces by address and alias, and saves."""
        self._known = [
            known
            for known in self._known
            if known is not environment and known.url != environment.url and not _same_alias(known, environment)
        ]
        self._known.append(environment)
        self.save()

    def remove(self, environment: Environment) -> None:
        """Forgets one and saves."""
        self._known = [known for known in self._known if known is not environment]
        self.save()

    def save(self) -> None:
        """Writes the file beside its place and renames it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        items = [{key: value for key, value in vars(known).items() if value} for known in self._known]
        handle, fresh = tempfile.mkstemp(dir=self._path.parent, prefix=".config-")
        with os.fdopen(handle, "w") as out:
            out.write(yaml_dump.dump({"environments": items}))
        Path(fresh).replace(self._path)

    def _read(self) -> list[Environment]:
        if not self._path.is_file():
            return []
        data = yaml_marks.load(self._path.read_bytes(), str(self._path))
        if data is None:
            return []
        if not is_hash(data):
            raise CliError(f"{self._path} is not a hash of environments.", "Mend it or remove it.")
        return [_environment(item) for item in hashes(data.get("environments")) if item.get("url")]


def address(name: str) -> str:
    """`10.0.0.6` -> `https://10.0.0.6:25555`; always https."""
    rest = name.split("://", 1)[-1].rstrip("/")
    host, slash, path = rest.partition("/")
    has_port = host.rpartition(":")[2].isdigit() and (host.count(":") == 1 or "]:" in host)
    return f"https://{host if has_port else host + ':25555'}{slash}{path}"


def read_ca(text: str) -> str:
    """PEM text from a path or from the PEM itself."""
    if not text or "-----BEGIN" in text:
        return text
    try:
        return Path(text).expanduser().read_text()
    except OSError as error:
        raise CliError(
            f"Cannot read CA certificate '{text}': {error.strerror}.", "Give a path or the PEM text."
        ) from error


def _same_alias(left: Environment, right: Environment) -> bool:
    return bool(left.alias) and left.alias == right.alias


def _environment(item: Hash) -> Environment:
    values = {key: text_or_none(item.get(key)) or "" for key in Environment.__dataclass_fields__}
    return Environment(**values)
