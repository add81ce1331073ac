"""On a real terminal: colours, the live lines of running items, and the question before a deploy."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.contract.cli.test_cli_deploy import event, ready


class Hidden(str):
    """An answer that is not to be seen."""


def talk(words: list[str], *exchange: tuple[str, str | Callable[[], None]]) -> tuple[int, str]:
    """Runs the command on a pseudo-terminal, answers each prompt (or calls what stands beside a text) in turn; returns exit code and all output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "meristem.cli.main", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    seen = b""
    left = list(exchange)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
        if left and left[0][0].encode() in seen:
            answer = left[0][1]
            if isinstance(answer, Hidden) and termios.tcgetattr(ours)[3] & termios.ECHO:
                continue  # it is switched off just after the prompt was written
            del left[0]
            if isinstance(answer, str):
                os.write(ours, answer.encode())
            else:
                answer()
    code = process.wait(30)
    os.close(ours)
    return code, seen.decode()


def take_terminal() -> None:
    """Makes the pseudo-terminal the one that passwords are asked on."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_live_deploy(world: Any, tmp_path: Path) -> None:
    world.follows = True
    path = tmp_path / "demo.yml"
    path.write_text("name: demo\n")
    ready(
        world,
        event("started", "web/a (0)"),
        event("in_progress", "web/a (0)", data={"status": "executing drain"}),
        event("started", "web/b (1)"),
        event("finished", "web/a (0)", 1700000009),
        event("finished", "web/b (1)", 1700000009),
        shown=3,
    )

    def go_on() -> None:
        world.tasks[1].shown = None

    code, seen = talk(["-d", "demo", "deploy", str(path)], ("Continue?", "yes\n"), ("executing drain", go_on))
    assert code == 0, seen
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "Using environment" in plain
    assert "\x1b[32m+ " in seen, "added lines are green"
    assert re.search(r"00:00:0\d  Updating instance web: web/a \(0\)  executing drain", plain), "no live line"
    kept = [line for line in plain.splitlines() if line.startswith("Task 1 | ")]
    assert kept == [
        "Task 1 | 22:13:29 | Updating instance web: web/a (0) (00:00:09)",
        "Task 1 | 22:13:29 | Updating instance web: web/b (1) (00:00:09)",
    ]
    assert plain.rstrip().endswith("Succeeded")


def test_no_at_the_question(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "demo.yml"
    path.write_text("name: demo\n")
    ready(world)
    code, seen = talk(["-d", "demo", "deploy", str(path)], ("Continue?", "n\n"))
    assert code == 1
    assert "Stopped" in seen
    assert not world.sent("POST", "/deployments")


def test_log_in_asks_and_stores(world: Any, tmp_path: Path, monkeypatch: Any, run: Any) -> None:
    monkeypatch.delenv("BOSH_CLIENT")
    monkeypatch.delenv("BOSH_CLIENT_SECRET")
    monkeypatch.setenv("BOSH_ENVIRONMENT", "lab")
    assert run("alias-env", "lab", "-e", world.url).code == 0
    assert run("locks").code == 1
    code, seen = talk(["log-in", "--client", "admin", "--client-secret", "wrong"])
    assert code == 1
    assert "Invalid credentials" in seen
    code, seen = talk(["log-in"], ("Username", "admin\n"), ("Password", Hidden("s3cret\n")))
    assert code == 0, seen
    assert "s3cret" not in seen
    world.replies["GET /locks"] = []
    monkeypatch.delenv("BOSH_CA_CERT")
    assert run("locks").code == 0, "neither CA nor credentials were stored"
    assert run("environments").out == f"{world.url}\tlab\n"
    assert run("log-out").code == 0
    assert run("locks").code == 1
    assert "s3cret" not in (tmp_path / "config").read_text()
    assert run("unalias-env", "lab").code == 0
    assert run("environments").out == ""
