"""One session per vCenter and user: opened when first needed, renewed when vCenter ended it, shared by all threads."""

from __future__ import annotations

import http.client
import random
import ssl
import threading
import time
import xml.parsers.expat
from collections.abc import Callable
from typing import Any, TypeVar, cast

from pyVim.connect import SmartStubAdapter
from pyVmomi import vim, vmodl

from cpi.contract import Call, CloudError, DeadlineExceeded, Facts
from cpi.vsphere.config import Config
from cpi.vsphere.errors import AnswerLost, Unreachable, sentence

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
BUSY = ("429", "503")
_sessions: dict[tuple[str, int, str, str, str, int, float], Session] = {}
_guard = threading.Lock()


class Session:
    """What talks to one vCenter. `content` names its managers; `slots` limits the tasks in flight, `known` are datacenters found."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.slots = threading.BoundedSemaphore(config.concurrent_tasks)
        self.context = _tls(config.ca_cert)
        self.known: dict[str, Any] = {}
        self._login = threading.Lock()
        self._generation = 0
        self._stub: Any = None
        self._content: Any = None

    @property
    def stub(self) -> Any:
        """The adapter that managed objects are bound to; `ask` must have opened it."""
        return self._stub

    def ask(self, call: Call, question: Callable[[Any], T], *, safe: bool = True) -> T:
        """The answer to a question about the service's content (its argument).

        Asked again while vCenter cannot be reached or is busy, and after the session was renewed. `safe` False: a
        question with an effect; when its answer is lost AnswerLost says so.
        """
        until = time.monotonic() + call.remaining(self.config.down_seconds)
        pause = FIRST_PAUSE
        while True:
            generation = self._generation
            try:
                return question(self._open(generation))
            except vim.fault.NotAuthenticated:
                self._renew(generation)
                reason = "the session was ended again and again"
            except (http.client.HTTPException, OSError, xml.parsers.expat.ExpatError) as error:
                reason = _words(error)
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise CloudError(
                        f"vCenter at {self.config.endpoint} is not trusted: {reason}; check connection_options.ca_cert",
                        facts=Facts(endpoint=self.config.endpoint, started=False),
                    ) from error
                if not safe and not _unbegun(error):
                    raise AnswerLost(
                        f"vCenter at {self.config.endpoint} broke off: {reason}", facts=self._facts()
                    ) from error
            if time.monotonic() + pause >= until:
                raise self._gave_up(call, reason)
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    def cookie(self) -> str:
        """The session's cookie, for the file service."""
        return str(self._stub.cookie or "").partition(";")[0]

    def _open(self, generation: int) -> Any:
        if self._content is None:
            with self._login:
                if self._content is None:
                    self._begin()
        return self._content

    def _begin(self) -> None:
        config = self.config
        if self._stub is None:
            self._stub = SmartStubAdapter(
                host=config.host,
                port=config.port,
                sslContext=self.context,
                httpConnectionTimeout=config.timeout,
                poolSize=2 * config.concurrent_tasks,
                connectionPoolTimeout=30,
            )
        self._stub.cookie = ""
        instance = vim.ServiceInstance("ServiceInstance", self._stub)
        content = cast(Any, instance.RetrieveContent())
        try:
            content.sessionManager.Login(config.user, config.password, None)
        except vim.fault.InvalidLogin as fault:
            text = (
                f"vCenter at {config.endpoint} refuses user '{config.user}': {sentence(fault)}; check user and password"
            )
            raise CloudError(text, facts=Facts(endpoint=config.endpoint, started=False)) from fault
        self._content = content
        self._generation += 1

    def _renew(self, generation: int) -> None:
        with self._login:
            if self._generation == generation:
                self._content = None

    def _facts(self) -> Facts:
        return Facts(endpoint=self.config.endpoint)

    def _gave_up(self, call: Call, reason: str) -> CloudError | DeadlineExceeded:
        text = f"vCenter at {self.config.endpoint} does not answer: {reason}; check that it is up and can be reached"
        busy = reason.startswith(BUSY)
        return Unreachable(text, facts=Facts(endpoint=self.config.endpoint, retry_after=5.0 if busy else None))


def session(config: Config) -> Session:
    """The session of this vCenter and user."""
    key = (
        config.host, config.port, config.user, config.password, config.ca_cert, config.concurrent_tasks,
        config.down_seconds,
    )  # fmt: skip
    with _guard:
        found = _sessions.get(key)
        if found is None:
            found = _sessions[key] = Session(config)
        return found


def _tls(ca_cert: str) -> ssl.SSLContext:
    if ca_cert:
        try:
            return ssl.create_default_context(cadata=ca_cert)
        except ssl.SSLError as error:
            raise CloudError(
                f"vsphere property connection_options.ca_cert.certificate is no PEM: {error.reason}"
            ) from error
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _unbegun(error: Exception) -> bool:
    """Whether the request certainly had no effect: it did not arrive, or was turned away."""
    return isinstance(error, ConnectionRefusedError | ssl.SSLError) or str(error).startswith(BUSY)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


NOT_FOUND = vmodl.fault.ManagedObjectNotFound
