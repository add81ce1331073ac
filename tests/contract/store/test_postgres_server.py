"""The server that tests make for themselves leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

DIES = """
import os, signal, sys
from pathlib import Path
from tests.contract.store.postgres_server import PostgresServer

server = PostgresServer.make(Path(sys.argv[1]))
print(server.directory, server.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_is_killed_leaves_no_server_and_no_folder(postgres_bin: Path) -> None:
    words = [sys.executable, "-c", DIES, str(postgres_bin)]
    done = subprocess.run(words, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode < 0, done.stderr
    directory, pid = done.stdout.split()
    deadline = time.monotonic() + 60
    while Path(directory).exists() or directory in words_of(pid):
        assert time.monotonic() < deadline, f"{directory} is still there, or the server runs on: {words_of(pid)!r}"
        time.sleep(0.05)


def words_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
