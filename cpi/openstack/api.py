"""Requests to one service: what can be asked again is, for as long as it may; what cannot is told apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import IO, Any, cast

import requests
from keystoneauth1 import exceptions as failures

from cpi.contract import Call
from cpi.openstack.batch import Document
from cpi.openstack.refusals import NOT_FOUND, TOO_MANY, AnswerLost, Refused, Unreachable, sentence_of
from cpi.openstack.sessions import Signed

SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Sent twice they do what they do once."""
AWAY = frozenset({502, 503, 504})
"""A front server's answers while the service is down."""
FAULTS = 5
"""Times that an internal error (500) is met with another try."""
LONGEST_PAUSE = 10.0
VERSIONS = {"nova": "compute 2.79", "cinder": "volume 3.50"}
"""Microversions (Train, 2019): tags at creation, attachments that say whether they go with the VM, online extension."""


class Effects:
    """Whether anything was changed by this call so far."""

    def __init__(self) -> None:
        self.any = False


class Api:
    """One service for one call. Paths begin after the endpoint."""

    def __init__(self, name: str, signed: Signed, call: Call, patience: float, effects: Effects) -> None:
        self.name = name
        self._signed = signed
        self._call = call
        self._patience = patience
        self._effects = effects

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Document:
        """The document; Refused with 404 when there is none."""
        return self._ask("GET", path, params=params)

    def find(self, path: str) -> Document | None:
        """The document, None for 404."""
        try:
            return self._ask("GET", path)
        except Refused as refused:
            if refused.status == NOT_FOUND:
                return None
            raise

    def pages(self, path: str, key: str, params: Mapping[str, object] | None = None) -> list[Document]:
        """All entries of a list, over its pages."""
        found: list[Document] = []
        asked: dict[str, object] = dict(params or {})
        while True:
            document = self._ask("GET", path, params=asked)
            page = cast("list[Document]", document[key])
            found += page
            links = cast("list[Document]", document.get(f"{key}_links") or [])
            more = any(link.get("rel") == "next" for link in links) or bool(document.get("next"))
            if not page or not more:
                return found
            asked["marker"] = page[-1]["id"]

    def post(self, path: str, body: object) -> Document:
        """AnswerLost when it is not known what came of it."""
        return self._ask("POST", path, body=body)

    def put(self, path: str, body: object) -> Document:
        """A change that may be sent twice."""
        return self._ask("PUT", path, body=body)

    def delete(self, path: str) -> bool:
        """False when it was gone already."""
        try:
            self._ask("DELETE", path)
        except Refused as refused:
            if refused.status == NOT_FOUND:
                return False
            raise
        return True

    def upload(self, path: str, data: IO[bytes]) -> None:
        """A stream, sent once."""
        self._ask("PUT", path, data=data)

    def where(self) -> str:
        """The endpoint, as far as it is known."""
        return self._signed.known_address(self.name)

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, object] | None = None,
        data: IO[bytes] | None = None,
    ) -> Document:
        began, tries = time.monotonic(), 0
        repeatable = method in SAFE and data is None
        while True:
            if method != "GET":
                self._call.check()
            tries += 1
            try:
                answer = self._send(method, path, body, params, data)
            except failures.SSLError as error:
                raise Unreachable(self.name, self.where(), str(error), self._effects.any) from error
            except failures.ConnectionError as error:
                sent = not _never_left(error)
                if not repeatable and sent:
                    self._effects.any = True
                    raise AnswerLost(
                        f"{self.name} at {self.where()} was asked and gives no answer: {_last_words(error)}",
                        self.where(),
                    ) from error
                if data is not None or not self._again(began, tries, None):
                    raise Unreachable(self.name, self.where(), _last_words(error), self._effects.any) from error
                continue
            except failures.HttpError as error:  # keystone's answer to a sign-in
                if self._passes(error.http_status, tries) and self._again(began, tries, None):
                    continue
                raise self._sign_in(error) from error
            except failures.ClientException as error:
                raise Unreachable(self.name, self.where(), str(error), self._effects.any) from error
            if answer.status_code < 400:
                self._effects.any = self._effects.any or method != "GET"
                document = _document(answer)
                if document is not None:
                    return document
                words = f"what comes back is no document of its own: {sentence_of(answer.text, 'nothing')}"
                if not repeatable:
                    raise AnswerLost(f"{self.name} at {self.where()} was asked, and {words}", self.where())
                if not self._again(began, tries, None):
                    raise Unreachable(self.name, self.where(), words, self._effects.any)
                continue
            self._failed(answer, method, repeatable, began, tries)

    def _failed(self, answer: requests.Response, method: str, repeatable: bool, began: float, tries: int) -> None:
        """Returns when the request is to be sent again."""
        status = answer.status_code
        refused = self._refused(answer)
        if status == TOO_MANY:
            # nothing was done: the caller learns the rate. In mid-call, going on is better than undoing
            if (self._effects.any or (method == "GET" and tries <= FAULTS)) and self._again(
                began, tries, refused.retry_after
            ):
                return
            raise refused
        if status >= 500 and not repeatable:
            self._effects.any = True
            raise AnswerLost(f"{refused}; it is not known whether it took effect", self.where()) from refused
        if status >= 500 and self._passes(status, tries) and self._again(began, tries, None):
            return
        raise refused

    def _send(self, method: str, path: str, body: object, params: Mapping[str, object] | None,
              data: IO[bytes] | None) -> requests.Response:  # fmt: skip
        more: dict[str, Any] = {"params": dict(params)} if params else {}
        if body is not None:
            more["json"] = body
        if data is not None:
            more["data"] = data
        headers = {"OpenStack-API-Version": VERSIONS[self.name]} if self.name in VERSIONS else {}
        if data is not None:
            headers["Content-Type"] = "application/octet-stream"
        return self._signed.request(self.name, method, path, headers=headers, **more)

    def _passes(self, status: int, tries: int) -> bool:
        return status in AWAY or (status == 500 and tries <= FAULTS)

    def _again(self, began: float, tries: int, named: float | None) -> bool:
        """Wait before another try; False when there is no time for one."""
        wait = min(LONGEST_PAUSE, 0.25 * 2 ** (tries - 1)) if named is None else named
        left = min(self._patience - (time.monotonic() - began), self._call.remaining() - 1.0)
        if wait > left:
            return False
        self._call.log(f"{self.name} does not answer as it should; asked again in {wait:g} s")
        time.sleep(wait)
        return True

    def _refused(self, answer: requests.Response) -> Refused:
        after = answer.headers.get("Retry-After", "") if answer.status_code == TOO_MANY else ""
        return Refused(
            self.name,
            answer.status_code,
            sentence_of(answer.text, answer.reason or "no words"),
            answer.headers.get("x-openstack-request-id", "") or answer.headers.get("x-compute-request-id", ""),
            self.where(),
            self._effects.any,
            float(after) if after.replace(".", "", 1).isdigit() else (1.0 if answer.status_code == TOO_MANY else None),
        )

    def _sign_in(self, error: failures.HttpError) -> Refused:
        response = error.response
        sentence = sentence_of(response.text, str(error)) if response is not None else str(error)
        request_id = str(error.request_id or "")
        return Refused(
            "keystone", error.http_status, sentence, request_id, str(error.url or "auth_url"), self._effects.any
        )


def _document(answer: requests.Response) -> Document | None:
    """What it says, empty where it says nothing. None: it was cut off, or somebody else's page stands in its place."""
    if not answer.content:
        return {}
    try:
        found = cast(object, answer.json())
    except ValueError:
        return None
    return cast(Document, found) if isinstance(found, dict) else None


def _never_left(error: BaseException) -> bool:
    """Whether the connection was not even made, so that nothing can have been done."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, requests.exceptions.ConnectTimeout) or type(cause).__name__ == "NewConnectionError":
            return True
        inner = next((one for one in cause.args if isinstance(one, BaseException)), None)
        cause = (
            cast("BaseException | None", getattr(cause, "reason", None))
            or inner
            or cause.__cause__
            or cause.__context__
        )
        if not isinstance(cause, BaseException):
            return False
    return False


def _last_words(error: BaseException) -> str:
    text = str(error)
    return text.rpartition(": ")[2] if len(text) > 300 else text
