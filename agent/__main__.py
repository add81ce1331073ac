"""Command line of the agent: ``boot`` once per start of the VM, then ``run``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from agent import __version__
from agent.errors import AgentError
from agent.layout import Layout
from agent.vm import PLATFORMS, SUPERVISORS, settled

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(words: list[str] | None = None) -> int:
    """The exit code: 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="meristem-agent", description="The agent of a VM that Meristem deploys.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (("boot", "make the VM ready"), ("run", "answer the director")):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--base", default="/var/vcap", help="where releases live (default: %(default)s)")
        command.add_argument("--platform", choices=PLATFORMS, default="linux", help="plain: no users, disks, network")
        command.add_argument("--supervisor", choices=SUPERVISORS, default="monit", help="none: nobody restarts a job")
    chosen = parser.parse_args(words)
    base = Path(chosen.base).absolute()
    layout = Layout(base, base / "root" if chosen.platform == "plain" else Path("/"))
    _log_to(layout)
    if chosen.platform == "linux":
        _log_to_console(logging.INFO if chosen.command == "boot" else logging.WARNING)
    try:
        return _boot(layout, chosen) if chosen.command == "boot" else _run(layout, chosen)
    except (AgentError, OSError, ValueError) as error:
        logging.getLogger("agent").error("%s: %s", chosen.command, error)
        return 1


def _boot(layout: Layout, chosen: argparse.Namespace) -> int:
    from agent.boot.sequence import boot
    from agent.settings import find
    from agent.vm import assemble

    boot(assemble(layout, find.fetch(layout), chosen.platform, chosen.supervisor))
    return 0


def _run(layout: Layout, chosen: argparse.Namespace) -> int:
    from agent.run import run
    from agent.supervise.monit_config import MAIL_PORT

    run(settled(layout, chosen.platform, chosen.supervisor), MAIL_PORT if chosen.supervisor == "monit" else None)
    return 0


def _log_to(layout: Layout) -> None:
    from logging.handlers import RotatingFileHandler

    layout.agent_log.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(layout.agent_log / "current", maxBytes=10 << 20, backupCount=3)
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, handlers=[logging.StreamHandler(), file])


def _log_to_console(level: int) -> None:
    """What keeps a VM from the bus can be read nowhere else."""
    from agent.console import ConsoleHandler

    handler = ConsoleHandler(level)
    handler.setFormatter(logging.Formatter("meristem-agent: %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
