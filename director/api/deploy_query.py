"""The query parameters of POST /deployments and of state changes: checked here, so that a mistake is told before there is a task."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request

from director.api.replies import MOST, flag, words
from director.model.errors import BadRequest
from director.service.request import DeployRequest

_COUNT = re.compile(r"[0-9]{1,9}%?")


def deploy_request(request: Request, name: str, manifest: str, user: str) -> DeployRequest:
    """What the query asks for; one `BadRequest` names the parameter that is wrong."""
    query = request.query_params
    cloud, runtime = _context(query.get("context"))
    return DeployRequest(
        deployment=name,
        manifest=manifest,
        cloud_config_ids=cloud,
        runtime_config_ids=runtime,
        recreate=flag(request, "recreate"),
        recreate_persistent_disks=flag(request, "recreate_persistent_disks"),
        recreate_vms_created_before=_moment(query.get("recreate_vms_created_before")),
        fix=flag(request, "fix"),
        keep_unreachable=flag(request, "keep_unreachable"),
        dry_run=flag(request, "dry_run"),
        skip_drain=words(request, "skip_drain"),
        canaries=_count("canaries", query.get("canaries")),
        max_in_flight=_count("max_in_flight", query.get("max_in_flight")),
        user=user,
    )


def _refuse(parameter: str, text: str, remedy: str) -> BadRequest:
    return BadRequest(f"Query parameter '{parameter}' is '{text[:80]}'", code=40005, remedy=remedy)


def _count(parameter: str, text: str | None) -> int | str | None:
    """A number or a percentage."""
    if not text:
        return None
    if not _COUNT.fullmatch(text):
        raise _refuse(parameter, text, "Give a number such as 3, or a percentage such as 20%")
    return text if text.endswith("%") else int(text)


def _moment(text: str | None) -> float | None:
    """RFC 3339 as epoch seconds; without a zone it is UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        raise _refuse("recreate_vms_created_before", text, "Give a time such as 2026-01-31T12:00:00Z") from None


def _context(text: str | None) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """The ids of cloud and runtime configs that a diff showed."""
    if not text:
        return None, None
    remedy = 'Send back what the diff gave: {"cloud_config_ids":[1],"runtime_config_ids":[2]}'
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise _refuse("context", text, remedy) from None
    if not isinstance(found, dict):
        raise _refuse("context", text, remedy)
    ids: list[tuple[int, ...] | None] = []
    for key in ("cloud_config_ids", "runtime_config_ids"):
        value = found.get(key)
        if value is None:
            ids.append(None)
            continue
        if not isinstance(value, list):
            raise _refuse("context", text, remedy)
        numbers = [one if isinstance(one, int) else int(one) if _plain(one) else -1 for one in value]
        if any(isinstance(one, bool) for one in value) or any(not 0 <= one <= MOST for one in numbers):
            raise _refuse("context", text, remedy)
        # an empty list is how the CLI says that it saw none
        ids.append(tuple(numbers) or None)
    return ids[0], ids[1]


def _plain(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16
