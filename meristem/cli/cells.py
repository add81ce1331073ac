"""Cell texts from API values."""

from __future__ import annotations

import json

from meristem.formats.values import Value, is_list


def text(value: Value) -> str:
    """A scalar as text; null is empty, booleans are true/false."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def lines(value: Value) -> str:
    """A list of scalars, one per line."""
    return "\n".join(text(item) for item in value) if is_list(value) else text(value)


def size(mebibytes: Value) -> str:
    """`256 MiB`, `2.0 GiB`, as the public CLI writes sizes given in MiB."""
    if isinstance(mebibytes, bool) or not isinstance(mebibytes, (int, float)):
        return ""
    amount = float(mebibytes)
    for unit in ("MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
        amount /= 1024
    return ""
