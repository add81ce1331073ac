"""What goes wrong, for the user: what happened, and what to do about it."""

from __future__ import annotations


class ClientError(Exception):
    """`remedy`: the next thing to do; empty where the message says it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ApiFault(ClientError):
    """The platform's own refusal; `title` and `code` are those of its API."""

    def __init__(self, status: int, code: int, title: str, detail: str, remedy: str = "") -> None:
        super().__init__(detail, remedy)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail


def not_found(kind: str, name: str, where: str = "", remedy: str = "") -> ClientError:
    """There is no such thing."""
    return ClientError(f"There is no {kind} '{name}'{f' in {where}' if where else ''}.", remedy)
