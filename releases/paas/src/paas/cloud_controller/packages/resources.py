"""``POST /v3/resource_matches``: which files of a package the platform has already."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.body import Body, convert, decode
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.packages.archive import ArchiveError, Resource, check_path
from paas.cloud_controller.schema import resources

MOST = 100_000
LARGEST = 64 * 1024 * 1024
"""Of the question: bytes."""


class Checksum(Body, frozen=True, kw_only=True):
    """SHA-1 in hex."""

    value: str


class Given(Body, frozen=True, kw_only=True):
    """One file of the user's."""

    checksum: Checksum
    size_in_bytes: int = 0
    path: str = ""
    mode: str = ""


class OldGiven(Body, frozen=True, kw_only=True):
    """One file, in the words of the second version of the API."""

    sha1: str
    size: int = 0
    fn: str = ""
    mode: str = ""


class Matches(Body, frozen=True, kw_only=True):
    """The question."""

    resources: list[Given]


_SHA1 = re.compile(r"^[0-9a-f]{40}$")


async def match(call: Call) -> Response:
    """Those that are known, as they were given."""
    body = decode(await call.raw(), Matches)
    if len(body.resources) > MOST:
        raise unprocessable(f"resources: at most {MOST} files in one request")
    wanted = {one.checksum.value for one in body.resources}
    rows = await call.db.execute(sa.select(resources.c.sha1, resources.c.size).where(resources.c.sha1.in_(wanted)))
    known = {(row.sha1, row.size) for row in rows}
    return answer(
        {"resources": [one for one in body.resources if (one.checksum.value, one.size_in_bytes) in known]}, 201
    )


def matched(document: Any) -> list[Resource]:
    """The files that an upload leaves out, as the client lists them; 422 for what is none."""
    if not isinstance(document, list):
        raise unprocessable("resources must be a list of files")
    found: list[Resource] = []
    for one in document:
        if isinstance(one, dict) and "sha1" in one:
            old = convert(one, OldGiven)
            sha1, path, size, mode = old.sha1, old.fn, old.size, old.mode
        else:
            new = convert(one, Given)
            sha1, path, size, mode = new.checksum.value, new.path, new.size_in_bytes, new.mode
        try:
            check_path(path)
            found.append(Resource(path, sha1, size, int(mode or "644", 8)))
        except (ArchiveError, ValueError) as error:
            raise unprocessable(f"resources: {error}") from None
        if not _SHA1.match(sha1):
            raise unprocessable(f"resources: the checksum of '{path}' is no SHA-1")
    return found


ENDPOINTS = [Endpoint("POST", "/v3/resource_matches", match, most=LARGEST)]
