"""Runs commands as a person would, showing what they say and keeping it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Ran:
    """One command: its exit status, its words (both streams in order), the seconds it took."""

    status: int
    words: str
    seconds: float


def run(command: str, *, until: str = "") -> Ran:
    """Run a Bash command that answers `y` to a question; its words go to standard error as they come.

    With `until`, Ctrl-C is pressed as soon as it has said that: SIGINT to its process group.
    """
    print(f"\n### {command}" + (f"   (Ctrl-C at {until!r})" if until else ""), file=sys.stderr, flush=True)
    begin = time.monotonic()
    words = b""
    pressed = False
    with (
        subprocess.Popen(["yes"], stdout=subprocess.PIPE) as answers,
        subprocess.Popen(
            ["bash", "-ec", command],
            stdin=answers.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(
                signal.signal, signal.SIGINT, signal.SIG_DFL
            ),  # ignored where this runs in the background
        ) as process,
    ):
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), 1 << 16):
            words += data
            sys.stderr.write(data.decode(errors="replace"))
            sys.stderr.flush()
            if until and not pressed and until.encode() in words:
                pressed = True
                os.killpg(process.pid, signal.SIGINT)
        answers.kill()
    return Ran(process.returncode, words.decode(errors="replace"), round(time.monotonic() - begin, 1))
