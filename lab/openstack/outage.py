"""Outages of a running lab's services, for tests of what lives with them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager

from lab.errors import LabError
from lab.openstack import services
from lab.openstack.daemons import await_port
from lab.openstack.stack import Stack


@contextmanager
def frozen(stack: Stack, *names: str) -> Generator[None]:
    """These processes (as `status` names them) stand still inside. The kernel takes what is sent to them; no answer comes."""
    pids = [_pid(stack, name) for name in names]
    try:
        for pid in pids:
            os.killpg(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.killpg(pid, signal.SIGCONT)


@contextmanager
def down(stack: Stack, *apis: str) -> Generator[None]:
    """These services' APIs have died: connections are refused inside. At the end they are started again."""
    for api in apis:
        os.killpg(_pid(stack, f"api-{api}"), signal.SIGKILL)
    until = time.monotonic() + 10
    while any(f"api-{api}" in stack.processes() for api in apis):
        if time.monotonic() > until:
            raise LabError(f"the APIs of {', '.join(apis)} do not end")
        time.sleep(0.05)
    try:
        yield
    finally:
        for api in apis:
            services.start_api(stack, api)
        for api in apis:
            await_port(stack.port(api), 60, api)


def _pid(stack: Stack, name: str) -> int:
    known = stack.processes()
    if name not in known:
        raise LabError(f"{name} does not run; there are: {', '.join(known) or 'none'}")
    return known[name]
