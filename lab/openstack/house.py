"""Brings a lab up and takes it down."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.openstack import configuration, databases, places, readiness, services, template
from lab.openstack.daemons import start_postgres, start_rabbit
from lab.openstack.install import install
from lab.openstack.stack import BASE_PORT, COMPUTES, RECORD, Say, Stack


def up(directory: Path, base: int = BASE_PORT, computes: int = COMPUTES, say: Say = print) -> Stack:
    """A lab that is ready: the one that runs in this directory, or a new one."""
    with _alone(directory):
        stack = Stack.load(directory)
        if stack is not None and stack.ready.exists() and _whole(stack):
            say(f"OpenStack is up: OS_CLIENT_CONFIG_FILE={stack.clouds_yaml} OS_CLOUD=meristem")
            return stack
        if stack is not None:
            say("what is left of an earlier lab is removed")
            _remove(stack)
        begin = time.monotonic()
        stack = Stack(directory, install(say), base, computes, say)
        saved = places.template(base, computes)
        if not saved.exists():
            _make_template(stack, saved)
        say("starting the services from the saved databases")
        directory.mkdir(parents=True, exist_ok=True)
        template.unpack(saved, directory)
        _run(stack, fresh=False)
        say(f"OpenStack is up after {time.monotonic() - begin:.0f} s: "
            f"OS_CLIENT_CONFIG_FILE={stack.clouds_yaml} OS_CLOUD=meristem")  # fmt: skip
        return stack


def down(directory: Path, say: Say = print) -> None:
    """End all processes and remove all files of the lab; the cache stays."""
    with _alone(directory):
        stack = Stack.load(directory)
        if stack is None:
            say(f"no OpenStack lab in {directory}")
            return
        _remove(stack)
        say("OpenStack is down, its files are removed")


def _make_template(stack: Stack, saved: Path) -> None:
    stack.say("setting up the databases (about a minute; they are saved for the next time)")
    stack.directory.mkdir(parents=True, exist_ok=True)
    _run(stack, fresh=True)
    stack.stop()
    template.save(stack, saved)
    for old in saved.parent.glob(f"template-{stack.base}-{stack.computes}-*.tar"):
        if old != saved:
            old.unlink()
    _remove(stack)
    stack.started.clear()


def _run(stack: Stack, fresh: bool) -> None:
    try:
        configuration.write(stack)
        start_rabbit(stack)
        start_postgres(stack)
        if fresh:
            databases.fill(stack)
        since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        services.start_all(stack)
        readiness.wait(stack, since)
    except BaseException:
        stack.stop(fast=True)
        raise
    stack.ready.touch()


def _remove(stack: Stack) -> None:
    stack.stop(fast=True)
    if (stack.directory / RECORD).exists():
        for path in stack.directory.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        stack.directory.rmdir()


def _whole(stack: Stack) -> bool:
    """All processes that were started live."""
    expected = {"db", "rabbit", "epmd", "nova-conductor", "nova-scheduler", "cinder-scheduler", "cinder-volume"}
    expected |= {f"api-{name}" for name in services.MODULES}
    expected |= {f"nova-compute{number}" for number in range(1, stack.computes + 1)}
    return expected <= stack.processes().keys()


@contextmanager
def _alone(directory: Path) -> Generator[None]:
    """One command at a time for each lab."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with directory.with_name(directory.name + ".lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        raise LabError(f"{error.filename}: {error.strerror}; the OpenStack lab's default places are root's") from error
