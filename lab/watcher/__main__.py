"""`python -m lab.watcher vsphere|openstack --lab DIRECTORY --dir DIRECTORY ..`: follow a cloud until a signal comes.

It must run inside the lab whose containers stand for the VMs (`python -m lab exec`).
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from threading import Event

from lab.errors import LabError
from lab.openstack import places
from lab.openstack.stack import Stack
from lab.record import load as load_lab
from lab.watcher.container import Hall
from lab.watcher.follow import Follower
from lab.watcher.machine import Source


def main(arguments: list[str]) -> int:
    """Follow; each step is a line on standard output."""
    parser = argparse.ArgumentParser(prog="python -m lab.watcher", description=__doc__)
    clouds = parser.add_subparsers(dest="cloud", required=True)
    vsphere = clouds.add_parser("vsphere", help="a vCenter that vcsim plays")
    vsphere.add_argument("--vcenter", type=Path, required=True, help="its lab's directory")
    openstack = clouds.add_parser("openstack", help="the OpenStack lab, whose Nova has simulated hypervisors")
    openstack.add_argument("--stack", type=Path, default=places.state(), help="its directory (default: %(default)s)")
    openstack.add_argument(
        "--network", action="append", required=True, help="id of a network that the bridge stands for"
    )
    for cloud in (vsphere, openstack):
        cloud.add_argument("--lab", type=Path, required=True, help="the directory of the lab of containers")
        cloud.add_argument("--dir", type=Path, required=True, help="where the guests' files are kept")
    options = parser.parse_args(arguments)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        lab = load_lab(options.lab.resolve())
        if lab is None:
            raise LabError(f"{options.lab}: no lab here; run `python -m lab up --dir {options.lab}`")
        Follower(_source(options), Hall(lab, options.dir.resolve()), _say).run(stop)
    except LabError as error:
        print(f"watcher: {error}", file=sys.stderr)
        return 1
    return 0


def _source(options: argparse.Namespace) -> Source:
    return _openstack(options) if options.cloud == "openstack" else _vsphere(options)


def _openstack(options: argparse.Namespace) -> Source:
    from lab.watcher.openstack import OpenstackSource

    stack = Stack.load(options.stack.resolve())
    if stack is None:
        raise LabError(f"{options.stack}: no OpenStack lab here; run `bin/lab up openstack --dir {options.stack}`")
    return OpenstackSource(stack, frozenset(options.network))


def _vsphere(options: argparse.Namespace) -> Source:
    from lab.vsphere.server import load
    from lab.watcher.vsphere import VsphereSource  # a cloud's library is there only where that cloud is used

    vcenter = load(options.vcenter)
    if vcenter is None:
        raise LabError(f"{options.vcenter}: no vCenter here; run `bin/lab up vsphere --dir {options.vcenter}`")
    return VsphereSource(vcenter)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
