"""What the client remembers between calls: ``config.json`` in ``$PAAS_HOME`` (``~/.paas``), for its owner's eyes alone."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from paas.client.errors import ClientError


class Place(msgspec.Struct, frozen=True):
    """An organization or a space."""

    guid: str
    name: str


class Settings(msgspec.Struct, kw_only=True):
    """`links`: where the parts of the platform are, by name, as the API tells. `connect`: HOST or HOST:PORT behind which all host names are."""

    api: str = ""
    links: dict[str, str] = {}
    access_token: str = ""
    refresh_token: str = ""
    org: Place | None = None
    space: Place | None = None
    skip_verify: bool = False
    connect: str = ""


def home() -> Path:
    """The client's folder."""
    given = os.environ.get("PAAS_HOME")
    return Path(given) if given else Path.home() / ".paas"


def load() -> Settings:
    """Empty ones where nothing was kept."""
    file = home() / "config.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, msgspec.MsgspecError) as error:
        raise ClientError(f"{file} cannot be read: {error}", "Remove it and log in again.") from None


def save(settings: Settings) -> None:
    """Replaced as a whole: two clients at once leave one of both."""
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = folder / f"config.{os.getpid()}"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(settings)))
        new.replace(folder / "config.json")
    except OSError as error:
        raise ClientError(f"{folder} cannot be written: {error.strerror}", "Set PAAS_HOME to another folder.") from None
