"""The API's errors: ``{"errors": [{code, title, detail}]}``. Codes and titles are those that clients switch on."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response


class ApiError(Exception):
    """An answer other than success; `detail` is for the user, with place and remedy."""

    def __init__(self, status: int, code: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail

    def as_dict(self) -> dict[str, Any]:
        """One entry of ``errors``."""
        return {"code": self.code, "title": self.title, "detail": self.detail}

    def response(self) -> Response:
        """The HTTP answer."""
        return Response(
            msgspec.json.encode({"errors": [self.as_dict()]}),
            status_code=self.status,
            media_type="application/json; charset=utf-8",
        )


def invalid_token() -> ApiError:
    """The token is expired or not one of ours: the title at which clients refresh theirs."""
    return ApiError(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token")


def not_authenticated() -> ApiError:
    """No token."""
    return ApiError(401, 10002, "CF-NotAuthenticated", "Authentication error")


def not_authorized(detail: str = "You are not authorized to perform the requested action") -> ApiError:
    """The user may see this, but not do it."""
    return ApiError(403, 10003, "CF-NotAuthorized", detail)


def insufficient_scope() -> ApiError:
    """The token was not given for such requests."""
    detail = "Your token lacks the necessary scopes to access this resource."
    return ApiError(403, 10007, "CF-InsufficientScope", detail)


def unknown_request() -> ApiError:
    """No such path."""
    return ApiError(404, 10000, "CF-NotFound", "Unknown request")


def not_found(what: str) -> ApiError:
    """`what`: "App", "Droplet" …: it does not exist, or the user may not know of it."""
    return ApiError(404, 10010, "CF-ResourceNotFound", f"{what} not found")


def unprocessable(detail: str) -> ApiError:
    """The request is well-formed and cannot be done; says why."""
    return ApiError(422, 10008, "CF-UnprocessableEntity", detail)


def uniqueness(detail: str) -> ApiError:
    """Something of that name is there already."""
    return ApiError(422, 10016, "CF-UniquenessError", detail)


def parse_error(detail: str) -> ApiError:
    """The body cannot be read."""
    return ApiError(400, 1001, "CF-MessageParseError", f"Request invalid due to parse error: {detail}")


def bad_query(detail: str) -> ApiError:
    """A query parameter is wrong."""
    return ApiError(400, 10005, "CF-BadQueryParameter", f"The query parameter is invalid: {detail}")


def invalid_request(detail: str) -> ApiError:
    """The request is wrong in its form."""
    return ApiError(400, 10004, "CF-InvalidRequest", detail)


def conflict(detail: str) -> ApiError:
    """Something else is going on with this resource."""
    return ApiError(409, 10017, "CF-Conflict", detail)


def unavailable(detail: str) -> ApiError:
    """A part of the platform is away; the request may be repeated."""
    return ApiError(503, 10015, "CF-ServiceUnavailable", detail)


def server_error() -> ApiError:
    """A fault of ours; its log entry has the rest."""
    return ApiError(
        500, 10001, "CF-ServerError", "The server failed. Its log has the cause; try again, or tell the operator."
    )


def staging_error(detail: str) -> ApiError:
    """An app could not be staged."""
    return ApiError(422, 170001, "CF-StagingError", f"Staging error: {detail}")
