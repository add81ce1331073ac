"""What a worker does when its director dies: it dies too, or, where a warden watches, first ends the calls that it has begun."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it dies."""
    _when_the_parent_dies(signal.SIGKILL)


def outlive_parent(lifeline: int, told: Callable[[], None]) -> None:
    """`told` is called when the director dies. `lifeline` reaches its end when neither director nor warden is left: then nobody is there who would
    end this process in time, and it ends itself, with its group."""
    os.set_inheritable(lifeline, False)
    signal.signal(signal.SIGHUP, lambda number, frame: told())
    _when_the_parent_dies(signal.SIGHUP)
    threading.Thread(target=_end_with, args=(lifeline,), name="cpi-lifeline", daemon=True).start()


def _when_the_parent_dies(sent: signal.Signals) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, sent, 0, 0, 0)


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)
