"""Errors as UAA's clients know them: ``{"error": KIND, "error_description": TEXT}`` with a status. Source: UAA's API, RFC 6749, RFC 6750."""

from __future__ import annotations

from typing import Any

LOCKED = "Your account has been locked because of too many failed attempts to login."
BAD_CREDENTIALS = "Bad credentials"


class UaaError(Exception):
    """`more` is added to the body, `headers` to the answer."""

    def __init__(
        self,
        status: int,
        error: str,
        description: str,
        more: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.more = more or {}
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """As the client sees it."""
        return {"error": self.error, "error_description": self.description, **self.more}


def invalid_request(description: str) -> UaaError:
    """The request lacks something, or has it malformed."""
    return UaaError(400, "invalid_request", description)


def bad_credentials(description: str = BAD_CREDENTIALS) -> UaaError:
    """The client or the user is not who they say."""
    return UaaError(401, "unauthorized", description, headers={"WWW-Authenticate": 'Basic realm="UAA/client"'})


def no_token() -> UaaError:
    """There is no access token where one is needed."""
    text = "Full authentication is required to access this resource"
    return UaaError(401, "unauthorized", text, headers={"WWW-Authenticate": 'Bearer realm="oauth"'})


def invalid_token(description: str, status: int = 401) -> UaaError:
    """The token does not hold."""
    return UaaError(
        status,
        "invalid_token",
        description,
        headers={"WWW-Authenticate": 'Bearer realm="oauth", error="invalid_token"'},
    )


def insufficient_scope(needed: tuple[str, ...]) -> UaaError:
    """The token holds, but has none of these scopes."""
    return UaaError(403, "insufficient_scope", "Insufficient scope for this resource", more={"scope": " ".join(needed)})


def scim(status: int, error: str, description: str, **more: Any) -> UaaError:
    """Of users and groups: the text is there a second time as ``message``."""
    return UaaError(status, error, description, more={"message": description, **more})


def not_found(kind: str, guid: str) -> UaaError:
    """No such user or group."""
    return scim(404, "scim_resource_not_found", f"{kind} {guid} does not exist")


def invalid_resource(description: str) -> UaaError:
    """A user or group that cannot be as it is given."""
    return scim(400, "invalid_scim_resource", description)
