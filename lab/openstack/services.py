"""Starts the services' processes."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lab.openstack.daemons import await_port
from lab.openstack.stack import Stack

MODULES = {
    "keystone": "keystone.wsgi.api",
    "glance": "glance.wsgi.api",
    "placement": "placement.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
    "neutron": "neutron.wsgi.api",
    "cinder": "cinder.wsgi.api",
}
COMPUTE = """
import os, sys
import nova.virt
nova.virt.__path__.append(os.environ["PYTHONPATH"])
sys.argv[0] = "nova-compute"
from nova.cmd.compute import main
sys.exit(main())
"""
"""nova takes its drivers from the package nova.virt only: our folder becomes a part of that."""


def start_api(stack: Stack, name: str) -> None:
    """One uwsgi process. Without `Connection: close` clients meet connections that it has just closed."""
    threads = 12 if name == "nova" else 8
    more: Sequence[str] = ()
    if name == "cinder":  # it reads its arguments itself
        words = [*stack.configuration("cinder", "cinder.conf"), *_log(stack, "cinder-api")]
        more = ["--pyargv", " ".join(words)]
    stack.spawn(f"api-{name}", [
        stack.program("uwsgi"), "--http-socket", f"127.0.0.1:{stack.port(name)}", "--module",
        f"{MODULES[name]}:application", "--master", "--processes", "1", "--threads", str(threads), "--enable-threads",
        "--lazy-apps", "--die-on-term", "--need-app", "--buffer-size", "65535", "--http-chunked-input",
        "--add-header", "Connection: close", "--worker-reload-mercy", "5", "--thunder-lock", "--disable-logging",
        "--socket-timeout", "120", "--listen", "100", "--venv", str(stack.venv), *more,
    ])  # fmt: skip


def start_all(stack: Stack) -> None:
    """PostgreSQL runs already; RabbitMQ at least begins to."""
    if "api-keystone" not in stack.processes():
        start_api(stack, "keystone")
    start_api(stack, "placement")
    start_api(stack, "glance")
    await_port(stack.port("rabbit"), 90, "RabbitMQ")
    start_api(stack, "neutron")
    start_api(stack, "nova")
    start_api(stack, "cinder")
    cinder = stack.configuration("cinder", "cinder.conf")
    log = stack.path("log/nova-conductor.log")
    old = log.stat().st_size if log.exists() else 0
    for name in ("nova-conductor", "nova-scheduler"):
        settings = stack.configuration("nova", "nova.conf")
        stack.spawn(name, [stack.program(name), *settings, *_log(stack, name)])
    for name in ("cinder-scheduler", "cinder-volume"):
        stack.spawn(name, [stack.program(name), *cinder, *_log(stack, name)])
    await_port(stack.port("placement"), 60, "placement")
    _await_conductor(stack, old)
    for number in range(1, stack.computes + 1):
        settings = stack.configuration("nova", f"cmp{number}.conf")
        name = f"nova-compute{number}"
        stack.spawn(name, [stack.program("python"), "-c", COMPUTE, *settings, *_log(stack, name)])


def _await_conductor(stack: Stack, old: int) -> None:
    """A hypervisor's process that comes before the conductor loses 10 s."""
    log = stack.path("log/nova-conductor.log")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if log.exists():
            with log.open("rb") as words:
                words.seek(old)
                if b"Starting conductor node" in words.read():
                    return
        time.sleep(0.2)


def _log(stack: Stack, name: str) -> list[str]:
    return ["--log-file", str(stack.path("log", f"{name}.log"))]
