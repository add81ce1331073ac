"""The director's HTTP API as the CLI uses it: authentication, redirects to tasks, errors as one line."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from meristem.cli.credentials import Credentials
from meristem.cli.environments import Environment
from meristem.cli.failure import CliError
from meristem.formats.values import Hash, Value, as_value, hashes, is_hash, text_or_none

_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
_PLANNING = httpx2.Timeout(600.0, connect=10.0)
_NO_TIMEOUT = httpx2.Timeout(None, connect=10.0)
_GOOD = (200, 201, 204, 206, 302, 303)


class Director:
    """A connection to one director; `Query` values of None are left out."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        context = _tls(environment.ca_cert)
        self._http = httpx2.Client(base_url=environment.url, verify=context, timeout=_TIMEOUT, trust_env=True)
        self.tls = context
        self._credentials = Credentials(environment, context)
        self._info: Hash | None = None

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def info(self, *, authenticated: bool = False) -> Hash:
        """GET /info; without credentials it is asked once per run."""
        if authenticated:
            return self._hash(self._send("GET", "/info"))
        if self._info is None:
            answer = self._exchange("GET", "/info", {}, None, {}, _TIMEOUT)
            self._info = self._hash(self._checked(answer, "/info"))
        return self._info

    def get(self, path: str, query: Mapping[str, str | None] | None = None) -> Value:
        """A JSON reply."""
        return self._decoded(self._send("GET", path, query))

    def rows(self, path: str, query: Mapping[str, str | None] | None = None) -> list[Hash]:
        """A JSON reply that is an array of objects."""
        return hashes(self.get(path, query))

    def send(self, method: str, path: str, body: Value = None, query: Mapping[str, str | None] | None = None) -> Value:
        """A request with a JSON body (none for null); the JSON reply, null when empty."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        return self._decoded(self._send(method, path, query, content, headers))

    def send_text(self, method: str, path: str, text: str, query: Mapping[str, str | None] | None = None) -> Value:
        """A request with a YAML body. The director may plan and render before it answers."""
        headers = {"Content-Type": "text/yaml"}
        return self._decoded(self._send(method, path, query, text.encode(), headers, timeout=_PLANNING))

    def start(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | None] | None = None,
        *,
        text: str | None = None,
        body: Value = None,
    ) -> int:
        """A request that begins a task; its id, from the redirect."""
        headers: dict[str, str] = {}
        content: bytes | None = None
        if text is not None:
            headers, content = {"Content-Type": "text/yaml"}, text.encode()
        elif body is not None:
            headers, content = {"Content-Type": "application/json"}, json.dumps(body).encode()
        return self._task_id(self._send(method, path, query, content, headers), path)

    def upload(self, path: str, archive: Path, query: Mapping[str, str | None] | None = None) -> int:
        """POSTs a file as `application/x-compressed`; the task's id."""
        headers = {"Content-Type": "application/x-compressed", "Content-Length": str(archive.stat().st_size)}
        with archive.open("rb") as stream:
            chunks = iter(lambda: stream.read(1 << 20), b"")
            answer = self._send("POST", path, query, chunks, headers, timeout=_NO_TIMEOUT)
        return self._task_id(answer, path)

    def output(self, task: int, kind: str, offset: int) -> bytes:
        """Task output from a byte offset on; empty when there is nothing new."""
        path = f"/tasks/{task}/output"
        answer = self._send("GET", path, {"type": kind}, headers={"Range": f"bytes={offset}-"}, accept=(416,))
        if answer.status_code in (204, 416):
            return b""
        # A director without range support sends it all again, as 200.
        return answer.content[offset:] if answer.status_code == 200 else answer.content

    def follow(self, task: int, offset: int, take: Callable[[bytes], None]) -> bool:
        """Hands on the event output as it grows, until the task ends; False from a director that cannot stream it."""
        query, headers = {"type": "event", "follow": "true"}, {"Range": f"bytes={offset}-", **self._authorization()}
        streams = False
        try:
            with self._http.stream(
                "GET", f"/tasks/{task}/output", params=query, headers=headers, timeout=_NO_TIMEOUT
            ) as answer:
                streams = answer.headers.get("X-Meristem-Follow") == "1" and answer.status_code in (200, 206)
                if streams:
                    for chunk in answer.iter_bytes():
                        take(chunk)
        except httpx2.TransportError:
            # A lost stream is no lost task: the caller looks at the task and asks again.
            return streams
        return streams

    def download(self, path: str, target: Path) -> None:
        """Streams a reply's body into a new file."""
        with self._http.stream("GET", path, headers=self._authorization(), timeout=_NO_TIMEOUT) as answer:
            if answer.status_code != 200:
                answer.read()
                self._checked(answer, path)
            with target.open("wb") as out:
                for chunk in answer.iter_bytes():
                    out.write(chunk)

    def raw(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> httpx2.Response:
        """An authenticated request as it is, for `curl` and optional extensions; any status comes back."""
        return self._exchange(method, path, {}, body, {**self._authorization(), **headers}, _TIMEOUT)

    def _authorization(self) -> dict[str, str]:
        return self._credentials.header(self.info())

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | None] | None = None,
        content: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: httpx2.Timeout = _TIMEOUT,
        accept: tuple[int, ...] = (),
    ) -> httpx2.Response:
        given = {key: value for key, value in (query or {}).items() if value is not None}
        sent = {**(headers or {}), **self._authorization()}
        answer = self._exchange(method, path, given, content, sent, timeout)
        if answer.status_code == 401 and not isinstance(content, Iterator) and self._credentials.renew(self.info()):
            answer = self._exchange(method, path, given, content, {**sent, **self._authorization()}, timeout)
        return answer if answer.status_code in accept else self._checked(answer, path)

    def _exchange(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        content: Any,
        headers: dict[str, str],
        timeout: httpx2.Timeout,
    ) -> httpx2.Response:
        try:
            return self._http.request(
                method, path, params=query or None, content=content, headers=headers, timeout=timeout
            )
        except httpx2.TimeoutException as error:
            raise CliError(
                f"The director at {self.environment.url} did not answer {method} {path} in time.",
                "It may still have taken the request: see `tasks`.",
            ) from error
        except httpx2.TransportError as error:
            raise CliError(f"Cannot reach the director at {self.environment.url}: {error}", _hint(error)) from error

    def _checked(self, answer: httpx2.Response, path: str) -> httpx2.Response:
        if answer.status_code in _GOOD:
            return answer
        if answer.status_code == 401 and "600000" not in answer.text:
            who = f"'{self.environment.username}'" if self.environment.username else "nobody"
            raise CliError(
                f"The director does not accept the credentials of {who} for '{path}'.",
                "Run log-in, or give --client and --client-secret (BOSH_CLIENT, BOSH_CLIENT_SECRET).",
            )
        raise ApiError(answer.status_code, answer.text)

    def _task_id(self, answer: httpx2.Response, path: str) -> int:
        location = answer.headers.get("Location", "")
        last = location.rstrip("/").rpartition("/")[2]
        if answer.status_code not in (302, 303) or not last.isdigit():
            raise CliError(f"The director did not answer '{path}' with a task (status {answer.status_code}).")
        return int(last)

    def _decoded(self, answer: httpx2.Response) -> Value:
        if not answer.content:
            return None
        try:
            return as_value(answer.json())
        except ValueError as error:
            raise CliError(f"The director's reply is not JSON: {answer.text[:80]!r}") from error

    def _hash(self, answer: httpx2.Response) -> Hash:
        value = self._decoded(answer)
        if not is_hash(value):
            raise CliError("The reply to /info is not an object.", "Is this address a director?")
        return value


class ApiError(CliError):
    """A reply with an error status; `code` is the director's error code, 0 if it gave none."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.code = 0
        description = " ".join(text.split()) or "no reason given"
        try:
            parsed = as_value(json.loads(text))
        except ValueError:
            parsed = None
        if is_hash(parsed):
            code = parsed.get("code")
            self.code = code if isinstance(code, int) else 0
            description = text_or_none(parsed.get("description")) or text_or_none(parsed.get("error")) or description
        shown = f"code {self.code}, " if self.code else ""
        remedy = "The director's own log tells more." if status >= 500 else ""
        super().__init__(f"Director: {description} ({shown}HTTP {status})", remedy)


def escaped(part: str) -> str:
    """A path part, percent-encoded."""
    return quote(part, safe="")


def _tls(ca_cert: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca_cert or None)
    except ssl.SSLError as error:
        raise CliError(
            f"The CA certificate cannot be read: {error.reason or error}", "Give a PEM certificate."
        ) from error


def _hint(error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "Give the director's CA by --ca-cert (BOSH_CA_CERT), and the address its certificate names."
    return "Check -e / BOSH_ENVIRONMENT and that the director runs."
