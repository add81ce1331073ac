"""JSON that users give: on the command line, or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from paas.client.errors import ClientError


def json_object(text: str, what: str) -> dict[str, Any]:
    """`text` is a JSON object, or the name of a file with one."""
    source = text.strip()
    if not source.startswith("{"):
        try:
            source = Path(source).read_text()
        except OSError:
            raise ClientError(
                f"{what}: '{text}' is neither a JSON object nor a file.", 'Write \'{"name": "value"}\'.'
            ) from None
    try:
        return msgspec.json.decode(source, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ClientError(f"{what}: {error}", 'Write \'{"name": "value"}\'.') from None


def tags(text: str | None) -> list[str]:
    """Comma-separated."""
    return [one.strip() for one in (text or "").split(",") if one.strip()]
