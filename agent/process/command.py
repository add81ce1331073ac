"""Short programs of the operating system, which die with the agent."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from agent.errors import AgentError, CommandFailed

SEARCH_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@cache
def _leash() -> tuple[str, ...]:
    # A command that outlived a killed agent would race with the same command of its successor.
    setpriv = shutil.which("setpriv", path=SEARCH_PATH)
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def available(program: str) -> bool:
    """True if ``program`` is installed."""
    return shutil.which(program, path=SEARCH_PATH) is not None


def command(
    argv: Sequence[str | Path], *, check: bool = True, stdin: str | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` to its end. Raises CommandFailed on a non-zero exit unless ``check`` is False."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            [*_leash(), *words],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={"PATH": SEARCH_PATH, "LC_ALL": "C"},
            check=False,
        )
    except FileNotFoundError:
        raise AgentError(f"the program {words[0]} is not installed on this VM") from None
    except subprocess.TimeoutExpired:
        raise AgentError(f"{words[0]} did not end within {timeout} s") from None
    if check and done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stderr or done.stdout)
    return done
