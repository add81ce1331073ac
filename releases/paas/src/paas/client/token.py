"""What is in one's own token; whether it holds is the platform's matter."""

from __future__ import annotations

import base64
from typing import Any

import msgspec


def claims(token: str) -> dict[str, Any]:
    """Empty where it is no token."""
    try:
        payload = token.split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=dict[str, Any])
    except (IndexError, ValueError, msgspec.MsgspecError):
        return {}


def user_name(token: str) -> str:
    """Of the user, or of the client where there is no user."""
    held = claims(token)
    return str(held.get("user_name") or held.get("client_id") or "")
