"""Names as they appear in DNS (reference §11)."""

from __future__ import annotations

from director.manifest.reader import Node

BAD_NAME = 420001


def canonical(name: str) -> str:
    """Lower case, ``_`` as ``-``, all but letters, digits and hyphens dropped."""
    kept = name.lower().replace("_", "-")
    return "".join(one for one in kept if one.isascii() and (one.isalnum() or one == "-"))


def check_canonical(node: Node, name: str, key: str = "name") -> None:
    """Record a fault for a name that cannot stand in DNS."""
    text = canonical(name)
    if not text or text[0] == "-" or text[-1] == "-":
        message = f"Invalid DNS canonical name '{text}' of '{name}', cannot start or end with a hyphen, or be empty"
        node.fault(message, "Begin and end the name with a letter or digit.", code=BAD_NAME, at=key)
