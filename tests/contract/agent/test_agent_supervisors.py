"""One contract for both supervisors; monit is Debian's, with real processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.bus.alerts import MailListener, alert_from
from agent.errors import AgentError
from agent.layout import Layout
from agent.supervise import monit_config
from agent.supervise.monit import Monit
from agent.supervise.monit_file import processes
from agent.supervise.none import NoSupervisor
from agent.supervise.port import Supervisor, job_state
from lab.ports import free_port

MONIT = shutil.which("monit")


class House:
    """A supervisor and a way to write jobs for it."""

    def __init__(self, layout: Layout, supervisor: Supervisor, mail_port: int) -> None:
        self.layout = layout
        self.supervisor = supervisor
        self.mail_port = mail_port

    def job(self, name: str, stop: str = 'kill "$(cat {pid})"', before: str = ":") -> str:
        pid = self.layout.sys_run / f"{name}.pid"
        control = self.layout.base / f"{name}.ctl"
        control.write_text(
            "#!/bin/sh\ncase $1 in\n"
            f"start) {before}; setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >{pid};;\n"
            f"stop) {stop.format(pid=pid)};;\nesac\n"
        )
        control.chmod(0o755)
        return (
            f"check process {name} with pidfile {pid}\n"
            f'  start program "{control} start"\n  stop program "{control} stop" with timeout 2 seconds\n  group vcap\n'
        )

    def pid(self, name: str) -> int:
        return int((self.layout.sys_run / f"{name}.pid").read_text())

    def state(self) -> str:
        return job_state(self.supervisor, stopped=False)


def until(true: Callable[[], bool], timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(params=["monit", "none"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    yield from _house(request.param, tmp_path)


@pytest.fixture
def monit(tmp_path: Path) -> Iterator[House]:
    yield from _house("monit", tmp_path)


def _house(kind: str, folder: Path) -> Iterator[House]:
    layout = Layout(folder / "vcap", folder / "vcap" / "root")
    layout.sys_run.mkdir(parents=True)
    mail_port = free_port()
    daemon: subprocess.Popen[bytes] | None = None
    if kind == "monit":
        if MONIT is None:
            pytest.skip("monit is not installed")
        monit_config.write(layout, free_port(), mail_port)
        daemon = subprocess.Popen([MONIT, "-I", "-c", str(layout.monit_rc)], stdout=subprocess.DEVNULL)
        made = House(layout, Monit(layout), mail_port)
    else:
        made = House(layout, NoSupervisor(layout), mail_port)
    yield made
    if daemon is not None:
        daemon.terminate()
        daemon.wait()
    for file in layout.sys_run.glob("*.pid"):
        for process in processes(f"check process x with pidfile {file}"):
            if process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)


def test_jobs_start_are_reported_and_stop(house: House) -> None:
    supervisor = house.supervisor
    supervisor.configure({"0001_a": house.job("a"), "0000_b": house.job("b")})
    supervisor.start()
    until(lambda: house.state() == "running")
    assert sorted(service.name for service in supervisor.services()) == ["a", "b"]
    assert Path("/proc", str(house.pid("a"))).exists()
    supervisor.unmonitor()
    assert Path("/proc", str(house.pid("a"))).exists()
    supervisor.stop(20)
    assert [p.pid for name in "ab" for p in processes(house.job(name))] == [None, None]
    assert house.state() == "failing"


def test_a_new_configuration_replaces_the_old_one(house: House) -> None:
    house.supervisor.configure({"0001_a": house.job("a"), "0000_b": house.job("b")})
    house.supervisor.start()
    house.supervisor.stop(20)
    house.supervisor.configure({"0000_c": house.job("c")})
    assert sorted(os.listdir(house.layout.monit_jobs)) == ["0000_c.monitrc"]
    house.supervisor.start()
    until(lambda: house.state() == "running")
    assert [service.name for service in house.supervisor.services()] == ["c"]


def test_jobs_that_are_just_being_started_stop(house: House) -> None:
    started = house.layout.base / "started"
    house.supervisor.configure({"0000_a": house.job("a", before=f"touch {started}; sleep 1")})
    house.supervisor.start()
    until(started.exists)
    house.supervisor.stop(20)
    assert processes(house.job("a"))[0].pid is None


def test_no_jobs_are_running_jobs(house: House) -> None:
    house.supervisor.configure({})
    house.supervisor.start()
    assert house.state() == "running"
    house.supervisor.unmonitor()
    house.supervisor.stop(5)


def test_a_process_that_does_not_stop_is_named_with_its_pid(house: House) -> None:
    house.supervisor.configure({"0000_a": house.job("a", stop="true")})
    house.supervisor.start()
    until(lambda: house.state() == "running")
    with pytest.raises(AgentError, match=rf"\ba\b.*pid {house.pid('a')}"):
        house.supervisor.stop(4)


def test_a_dead_process_is_restarted_and_told_by_mail(monit: House) -> None:
    monit.supervisor.configure({"0000_a": monit.job("a")})
    monit.supervisor.start()
    until(lambda: monit.state() == "running")
    old = monit.pid("a")
    mails: list[str] = []

    async def listen() -> None:
        server = await MailListener(mails.append).serve(monit.mail_port)
        assert server is not None
        os.kill(old, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not any("Does not exist" in mail for mail in mails):
            assert time.monotonic() < deadline, mails
            await asyncio.sleep(0.05)
        server.close()

    asyncio.run(listen())
    until(lambda: monit.state() == "running" and monit.pid("a") != old)
    alert = next(found for mail in mails if (found := alert_from(mail, ["10.0.0.7"])) and "Does not exist" in mail)
    assert alert["severity"] == 1
    assert alert["title"] == "a (10.0.0.7) - Does not exist - restart"
    assert alert["summary"] == "process is not running"


def test_a_broken_file_is_refused_with_monits_words(monit: House) -> None:
    with pytest.raises(AgentError, match=r"a job's monit file is not valid: .*syntax error"):
        monit.supervisor.configure({"0000_a": "check nonsense here\n"})


def test_a_monit_that_is_away_is_unknown(monit: House) -> None:
    monit.layout.monit_user.write_text("vcap:wrong\n")
    assert monit.state() == "unknown"
