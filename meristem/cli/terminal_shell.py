"""An SSH shell on this terminal: raw mode, window size, both directions."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import tty

import paramiko

from meristem.cli.failure import CliError


def attach(client: paramiko.SSHClient) -> None:
    """Runs a login shell until it ends; the terminal is restored whatever happens."""
    if not sys.stdin.isatty():
        raise CliError("An interactive shell needs a terminal.", "Give -c COMMAND.")
    size = shutil.get_terminal_size()
    channel = client.invoke_shell(os.environ.get("TERM", "xterm"), size.columns, size.lines)

    def resized(_signal: int, _frame: object) -> None:
        now = shutil.get_terminal_size()
        channel.resize_pty(now.columns, now.lines)

    before = termios.tcgetattr(sys.stdin)
    old_handler = signal.signal(signal.SIGWINCH, resized)
    try:
        tty.setraw(sys.stdin)
        _exchange(channel)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, old_handler)


def _exchange(channel: paramiko.Channel) -> None:
    source = sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([channel, source], [], [])
        if channel in ready:
            received = channel.recv(65536)
            if not received:
                return
            os.write(sys.stdout.fileno(), received)
        if source in ready:
            typed = os.read(source, 4096)
            if not typed:
                channel.shutdown_write()
            else:
                channel.sendall(typed)
