"""What the agent reads of monit's files and status."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.supervise import monit_status
from agent.supervise.monit_file import members, processes
from agent.supervise.port import FAILING, RUNNING, STARTING, STOPPED, UNKNOWN, Service, Unreachable, job_state

TEXT = """
# check process not_me with pidfile /x
check process nginx
  with pidfile /var/vcap/sys/run/nginx/nginx.pid
  start program "/var/vcap/jobs/nginx/bin/ctl start" with timeout 60 seconds
  stop program = "/var/vcap/jobs/nginx/bin/ctl stop"
  group vcap

CHECK PROCESS "worker" PIDFILE "/var/vcap/sys/run/worker.pid"
  start '/bin/worker start'
  group other
check file access.log with path /var/vcap/sys/log/access.log
  group vcap
"""


def test_processes_of_a_file() -> None:
    nginx, worker = processes(TEXT)
    assert (nginx.name, nginx.pidfile) == ("nginx", Path("/var/vcap/sys/run/nginx/nginx.pid"))
    assert (nginx.start, nginx.stop) == ("/var/vcap/jobs/nginx/bin/ctl start", "/var/vcap/jobs/nginx/bin/ctl stop")
    assert (worker.name, worker.pidfile, worker.stop) == ("worker", Path("/var/vcap/sys/run/worker.pid"), "")
    assert worker.pid is None


def test_members_of_the_group() -> None:
    assert members(TEXT, "vcap") == {"nginx", "access.log"}


def service(status: int, monitor: int, pending: int) -> str:
    return (
        f'<service type="3"><name>a</name><status>{status}</status><monitor>{monitor}</monitor>'
        f"<pendingaction>{pending}</pendingaction><uptime>7</uptime>"
        "<memory><kilobytetotal>9</kilobytetotal><percenttotal>0.5</percenttotal></memory></service>"
    )


@pytest.mark.parametrize(
    ("status", "monitor", "pending", "state"),
    [
        (0, 1, 0, RUNNING),
        (0, 2, 0, STARTING),
        (0, 2, 2, STARTING),
        (0, 1, 2, STARTING),
        (512, 1, 0, FAILING),
        (0, 0, 0, FAILING),
    ],
)
def test_running_is_healthy_monitored_and_nothing_pending(status: int, monitor: int, pending: int, state: str) -> None:
    text = f"<monit><server><incarnation>5</incarnation></server>{service(status, monitor, pending)}"
    report = monit_status.parse((text + '<service type="5"><name>vm</name></service></monit>').encode())
    assert report.incarnation == 5
    assert [found.as_service() for found in report.services] == [Service("a", state, 7, 9, 0.5, 0.0)]


class Fixed:
    """A supervisor whose services are given."""

    def __init__(self, *states: str) -> None:
        self._states = states

    def configure(self, files: dict[str, str]) -> None: ...

    def start(self) -> None: ...

    def stop(self, timeout: float) -> None: ...

    def unmonitor(self) -> None: ...

    def services(self) -> list[Service]:
        if "away" in self._states:
            raise Unreachable
        return [Service(str(number), state) for number, state in enumerate(self._states)]


def test_the_state_of_all_jobs() -> None:
    assert job_state(Fixed(), stopped=False) == RUNNING
    assert job_state(Fixed(RUNNING, RUNNING), stopped=False) == RUNNING
    assert job_state(Fixed(RUNNING, FAILING), stopped=False) == FAILING
    assert job_state(Fixed(STARTING, FAILING), stopped=False) == STARTING
    assert job_state(Fixed("away"), stopped=False) == UNKNOWN
    assert job_state(Fixed("away"), stopped=True) == STOPPED
