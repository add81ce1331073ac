"""Starting the agents' process from a plugin: once per cloud, whoever comes first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from cpi import lock
from cpi.contract import Json

LOCK, PROPERTIES, LOG = "agents.lock", "agents.json", "agents.log"
_guard = threading.Lock()
_children: dict[Path, subprocess.Popen[bytes]] = {}


def ensure(state_dir: Path, properties: Json) -> None:
    """Write the properties that agents live by, and start their process unless it runs.

    It outlives the worker, as VMs outlive a director; it ends some time after the last VM (`agents.linger`).
    """
    with _guard:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(state_dir / PROPERTIES, json.dumps({**properties, "state_dir": str(state_dir)}, sort_keys=True))
        held, child = state_dir / LOCK, _children.get(state_dir)
        if not lock.is_free(held) or (child is not None and child.poll() is None and not _was_held_by(held, child.pid)):
            return  # it runs, or is about to; one that has let its lock go is about to end
        log = os.open(state_dir / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _children[state_dir] = subprocess.Popen(
                [sys.executable, "-m", "cpi.sim.agents", "--config", str(state_dir / PROPERTIES)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([_root(), os.environ.get("PYTHONPATH", "")])},
            )
        finally:
            os.close(log)


def _was_held_by(path: Path, pid: int) -> bool:
    return path.exists() and path.read_text().strip() == str(pid)


def _root() -> str:
    return str(Path(__file__).resolve().parents[2])


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
