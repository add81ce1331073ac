"""Supervision by Debian's monit: orders through its command line, state through its HTTP status."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from agent import durable
from agent.errors import AgentError
from agent.layout import Layout
from agent.process.command import command
from agent.supervise import monit_config
from agent.supervise.monit_file import CheckedProcess, members, processes
from agent.supervise.monit_status import MonitReport, MonitService, MonitStatus
from agent.supervise.port import Service, Unreachable

log = logging.getLogger(__name__)

GROUP = "vcap"
_GLANCE = 0.1
_ORDER_TIMEOUT = 20.0
_SETTLE_TIMEOUT = 300.0  # monit looks up from a service that does not come up only when its start has timed out
_HTTP_PORT = re.compile(r"^set httpd port (\d+)", re.MULTILINE)


class Monit:
    """The monit daemon runs in its own unit with the configuration at ``layout.monit_rc``."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def configure(self, files: dict[str, str]) -> None:
        folder = self._layout.monit_jobs
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {f"{label}.monitrc": text.encode() for label, text in files.items()}
        changed = False
        for path in folder.glob("*.monitrc"):
            if path.name not in wanted:
                path.unlink()
                changed = True
        for name, data in wanted.items():
            if not durable.same_content(folder / name, data):
                durable.write_bytes(folder / name, data, mode=0o600)
                changed = True
        expected = self._members()
        if changed or {service.name for service in self._ask_patiently()} != expected:
            self._reload(expected)

    def start(self) -> None:
        if self._ask_patiently():
            self._order("start")

    def stop(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        if not self._ask_patiently():
            return
        self._order("stop")
        while True:
            busy = [service for service in self._ask_patiently() if service.monitored or service.pending]
            unsettled = [service.name for service in busy]
            for service in busy:
                if not service.pending:
                    # An order that comes while monit carries out another for the service (a start that is under way)
                    # is forgotten when that one ends.
                    self._monit("stop", service.name)
            if not unsettled:
                alive = self._alive()
                if not alive:
                    return
                # After a drain, or a stop that timed out, monit says "not monitored" though the process lives, and
                # then it ignores an order to stop. What is alive can be monitored again without being restarted.
                for process in alive:
                    self._stop_unmonitored(process.name)
            if time.monotonic() > deadline:
                unsettled = [f"{process.name} (pid {process.pid})" for process in self._alive()] or unsettled
                raise AgentError(
                    f"monit did not stop {', '.join(unsettled)} within {timeout:.0f} s; look at {self._layout.sys_log} "
                    "and at the stop program of the job"
                )
            time.sleep(_GLANCE)

    def _stop_unmonitored(self, name: str) -> None:
        self._monit("monitor", name)
        self._until(
            lambda found: all(service.monitored for service in found if service.name == name), f"to monitor {name}"
        )
        self._monit("stop", name)

    def unmonitor(self) -> None:
        if self._ask_patiently():
            self._order("unmonitor")
            self._until(
                lambda found: not any(service.monitored for service in found),
                "to leave the services alone",
                _SETTLE_TIMEOUT,
            )

    def services(self) -> list[Service]:
        return [service.as_service() for service in self._ask()]

    def _members(self) -> set[str]:
        return {name for text in self._texts() for name in members(text, GROUP)}

    def _texts(self) -> list[str]:
        return [path.read_text() for path in sorted(self._layout.monit_jobs.glob("*.monitrc"))]

    def _ask(self) -> list[MonitService]:
        mine = self._members()
        return [service for service in self._report().services if service.name in mine]

    def _report(self) -> MonitReport:
        try:
            user, password = monit_config.credentials(self._layout)
            found = _HTTP_PORT.search(self._layout.monit_rc.read_text())
        except (AgentError, OSError) as error:
            raise Unreachable(str(error)) from None
        return MonitStatus(int(found[1]) if found else monit_config.PORT, user, password).read()

    def _ask_patiently(self) -> list[MonitService]:
        return self._until(lambda _found: True, "to answer")

    def _until(
        self, settled: Callable[[list[MonitService]], bool], what: str, timeout: float = _ORDER_TIMEOUT
    ) -> list[MonitService]:
        deadline = time.monotonic() + timeout
        problem = ""
        while time.monotonic() < deadline:
            try:
                found = self._ask()
                if settled(found):
                    return found
                problem = ", ".join(f"{service.name} is {service.state}" for service in found)
            except Unreachable as error:
                problem = str(error)
            time.sleep(_GLANCE)
        raise AgentError(f"waited {timeout:.0f} s for monit {what}: {problem}")

    def _reload(self, expected: set[str]) -> None:
        tested = command(["monit", "-c", self._layout.monit_rc, "-t"], check=False)
        if tested.returncode != 0:
            raise AgentError(f"a job's monit file is not valid: {(tested.stdout + tested.stderr).strip()[-600:]}")
        before = self._incarnation()
        while int(time.time()) <= before:
            # Monit counts its lives in seconds: two reloads within one could not be told apart.
            time.sleep(_GLANCE)
        self._monit("reload")
        self._until(
            lambda found: {service.name for service in found} == expected and self._incarnation() != before,
            "to load the jobs' files",
        )

    def _incarnation(self) -> int:
        try:
            return self._report().incarnation
        except Unreachable:
            return 0

    def _order(self, verb: str) -> None:
        # Right after a reload monit refuses orders for services that it does not know yet.
        deadline = time.monotonic() + _ORDER_TIMEOUT
        while True:
            done, said = self._monit("-g", GROUP, verb, "all")
            if done:
                return
            if time.monotonic() > deadline:
                raise AgentError(f"monit {verb} failed: {said}")
            time.sleep(_GLANCE)

    def _monit(self, *words: str) -> tuple[bool, str]:
        done = command(["monit", "-c", self._layout.monit_rc, *words], check=False, timeout=60)
        return done.returncode == 0, (done.stdout + done.stderr).strip()[-400:]

    def _alive(self) -> list[CheckedProcess]:
        return [process for text in self._texts() for process in processes(text) if process.pid is not None]
