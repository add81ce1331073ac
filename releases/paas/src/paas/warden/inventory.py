"""``python -m paas.warden.inventory --config FILE``: all that the warden has on this machine, as JSON; ``--clear`` takes it away.

With no containers, everything but the packet chains' names is empty. For operators and for tests that nothing is left.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import re
import sys
from pathlib import Path

import msgspec

from paas.serve.config import ConfigError, read_config
from paas.serve.process import configure_log
from paas.warden.cgroup import trees
from paas.warden.config import WardenConfig
from paas.warden.keeper import Keeper
from paas.warden.layers import mounted_below
from paas.warden.programs import Programs

LOOP_GET_STATUS64 = 0x4C05
LOOP_INFO_BYTES = 232
DELETED = " (deleted)"


class Inventory(msgspec.Struct, kw_only=True):
    """What is there: names and paths."""

    containers: list[str]
    runtime: list[str]
    mounts: list[str]
    loops: list[str]
    links: list[str]
    chains: list[str]
    rules: list[str]
    cgroups: list[str]
    watchers: list[int]


async def inventory(config: WardenConfig) -> Inventory:
    """Of the warden that `config` describes."""
    programs = Programs(config.programs, config.environment)
    directory = Path(config.directory)
    prefix = re.escape(config.link_prefix)
    links = await programs.run("ip", "-o", "link")
    saved = (await programs.run("iptables-save")).splitlines()
    return Inventory(
        containers=_names(directory / "containers"),
        runtime=_names(directory / "runc"),
        mounts=mounted_below(directory),
        loops=_loops(directory),
        links=re.findall(rf"^\d+: ({prefix}\d+)@", links, re.MULTILINE),
        chains=[name for line in saved for name in re.findall(rf"^:({prefix}-c\d+) ", line)],
        rules=[line for line in saved if re.search(rf"({prefix}\d+ |-j DNAT)", line)],
        cgroups=sorted(str(group) for tree in trees(config.cgroup) for group in tree.iterdir() if group.is_dir()),
        watchers=_watchers(directory),
    )


def _names(directory: Path) -> list[str]:
    return sorted(one.name for one in directory.iterdir()) if directory.is_dir() else []


def _loops(directory: Path) -> list[str]:
    """Loop devices of files in the directory. All machines of one kernel see all of them, so a path alone does not tell."""
    found: list[str] = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        name = file.parts[3]
        try:
            path = file.read_text().strip()
            if path.startswith(f"{directory}/") and (
                path.endswith(DELETED) or _inode(name) == Path(path).stat().st_ino
            ):
                found.append(name)
        except OSError:
            continue  # it went meanwhile, or its file is another machine's
    return sorted(found)


def _inode(loop: str) -> int:
    """Of the file behind a loop device."""
    device = os.open(f"/dev/{loop}", os.O_RDONLY)
    try:
        info = bytearray(LOOP_INFO_BYTES)
        fcntl.ioctl(device, LOOP_GET_STATUS64, info)
        return int.from_bytes(info[8:16], sys.byteorder)
    finally:
        os.close(device)


def _watchers(directory: Path) -> list[int]:
    """Pids of the conmon processes."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if arguments[0].endswith(b"conmon") and any(one.startswith(f"{directory}/".encode()) for one in arguments):
            found.append(int(process.name))
    return sorted(found)


async def _clear(config: WardenConfig) -> None:
    keeper = Keeper(config)
    await keeper.begin()
    await keeper.clear()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="paas.warden.inventory")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--clear", action="store_true", help="destroy all containers first; the warden must not run")
    arguments = parser.parse_args()
    configure_log()
    try:
        config = read_config(arguments.config, WardenConfig)
    except ConfigError as error:
        print(f"paas.warden.inventory: {error}", file=sys.stderr)
        return 2
    if arguments.clear:
        asyncio.run(_clear(config))
    print(msgspec.json.encode(asyncio.run(inventory(config))).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
