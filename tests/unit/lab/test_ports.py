"""A port is one process's own while that lives, whether or not its server listens."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from lab import ports

HOLDS = "from lab.ports import free_port; print(free_port(), flush=True); input()"


def test_no_other_process_and_no_connection_is_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None and other.stdout is not None
        theirs = int(other.stdout.readline())
        mine = ports.free_port()
        # from here on there are three ports: theirs, mine, and one that is left
        left = next(one for one in range(mine + 1, mine + 100) if one != theirs and ports._is_free(one))
        monkeypatch.setattr(ports, "_choices", lambda: iter([theirs, mine, left]))
        assert ports.free_port() == left
        with pytest.raises(OSError, match="none is free"):
            ports.free_port()
        other.stdin.close()
        other.wait()
        assert ports.free_port() == theirs
    assert max(theirs, mine, left) < ports._first_of_connections()


def test_where_somebody_listens_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(ports, "_choices", lambda: iter([server.getsockname()[1]]))
        with pytest.raises(OSError, match="none is free"):
            ports.free_port()
