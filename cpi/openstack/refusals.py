"""What a service's refusal says, and the contract's error for it."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from cpi.contract import CloudError, CpiError, Facts, NoDiskSpace

BAD = 400
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
OVER_LIMIT = 413
TOO_MANY = 429
LONGEST = 500
"""Characters of a service's sentence that are kept."""
REMEDIES = {
    UNAUTHORIZED: "check user, password or application credential and the project",
    FORBIDDEN: "the account may not do this: give it the role that the service wants",
}


class Refused(Exception):
    """A service answered with an error. `sentence` is the service's own; `where` is its endpoint."""

    def __init__(self, service: str, status: int, sentence: str, request_id: str, where: str, started: bool,
                 retry_after: float | None = None) -> None:  # fmt: skip
        super().__init__(sentence)
        self.service = service
        self.status = status
        self.sentence = sentence
        self.request_id = request_id
        self.where = where
        self.started = started
        self.retry_after = retry_after

    @property
    def over_quota(self) -> bool:
        """Whether a quota is reached: 403 from nova and glance, 413 from cinder, 409 from neutron, each with its words."""
        words = self.sentence.lower()
        told = "quota" in words or "limit" in words or "exceed" in words
        return self.status == OVER_LIMIT or (self.status in (FORBIDDEN, CONFLICT) and told)

    def __str__(self) -> str:
        named = f", request {self.request_id}" if self.request_id else ""
        return f"{self.service} at {self.where} says: {self.sentence} (HTTP {self.status}{named}){self.remedy()}"

    def remedy(self) -> str:
        """What to do, where that is known."""
        if self.over_quota:
            return "; raise the project's quota or delete what is not needed"
        if self.status >= 500:
            return "; see the service's log for this request"
        return f"; {REMEDIES[self.status]}" if self.status in REMEDIES else ""


class Unreachable(Exception):
    """A service did not answer for as long as could be waited. `started` False: nothing had been asked of it."""

    def __init__(self, service: str, where: str, why: str, started: bool) -> None:
        super().__init__(f"{service} at {where} does not answer: {why}; see whether the service runs and is reachable")
        self.where = where
        self.started = started


class AnswerLost(Exception):
    """A request that changes something was sent, and no answer, or none that tells, came back."""

    def __init__(self, words: str, where: str) -> None:
        super().__init__(words)
        self.where = where


class Missing(Exception):
    """The service is not in the catalogue, or its endpoint cannot be found."""


@contextmanager
def told(what: str, absent: type[CpiError] = CloudError) -> Generator[None]:
    """Raise what happens inside as the contract's errors; `absent` is the kind for HTTP 404."""
    try:
        yield
    except Refused as refused:
        kind: type[CpiError] = CloudError
        if refused.status == NOT_FOUND:
            kind = absent
        elif refused.over_quota and refused.service == "cinder":
            kind = NoDiskSpace
        facts = Facts(endpoint=refused.where, started=refused.started, retry_after=refused.retry_after)
        raise kind(f"{what}: {refused}", facts=facts) from refused
    except Unreachable as silent:
        raise CloudError(f"{what}: {silent}", facts=Facts(endpoint=silent.where, started=silent.started)) from silent
    except AnswerLost as lost:
        raise CloudError(f"{what}: {lost}", facts=Facts(endpoint=lost.where)) from lost
    except Missing as missing:
        raise CloudError(f"{what}: {missing}", facts=Facts(started=False)) from missing


def sentence_of(body: str, reason: str) -> str:
    """The service's own sentence in any of their error documents."""
    try:
        document = cast(object, json.loads(body))
    except ValueError:
        text = " ".join(_plain(body).split())
        return text[:LONGEST] or reason
    return (_message(document) or body)[:LONGEST]


def _message(document: object) -> str:
    """Services wrap their sentence differently: {"error": {"message"}}, {"NeutronError": {..}}, {"errors": [{"detail"}]} .."""
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return "; ".join(filter(None, (_message(one) for one in cast("list[object]", document))))
    if isinstance(document, Mapping):
        known = cast("Mapping[str, Any]", document)
        for key in ("message", "detail", "faultstring", "title"):
            if isinstance(known.get(key), str) and known[key]:
                return str(known[key])
        for value in known.values():
            if isinstance(value, Mapping | list) and (found := _message(cast(object, value))):
                return found
    return ""


def _plain(body: str) -> str:
    """The words of an HTML page."""
    out: list[str] = []
    inside = False
    for character in body:
        if character == "<":
            inside = True
        elif character == ">":
            inside = False
            out.append(" ")
        elif not inside:
            out.append(character)
    return "".join(out)
