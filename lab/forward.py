"""Forwards ports of 127.0.0.1 outside a lab to servers inside it: `python -m lab.forward DIRECTORY PORT:HOST:PORT...`.

One process: it listens first, then moves into the lab's network namespace; sockets stay where they were made, so the
listeners are outside and every connection made for a client is inside. Port 0 takes any free port; the ports in use are
printed as one line of JSON. It ends when its standard input closes, so it never outlives the one who started it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import namespaces
from lab.errors import LabError
from lab.house import Lab, open_lab


@dataclass
class Forwarding:
    """A running forwarder. `ports` are the outside ports, in the order of the targets."""

    process: subprocess.Popen[str]
    ports: list[int]

    @classmethod
    def start(cls, lab: Lab, targets: list[tuple[int, str, int]]) -> Self:
        """Forward (outside port, host inside, port inside); outside port 0 is any free one. LabError when one is taken."""
        pairs = [f"{outside}:{host}:{inside}" for outside, host, inside in targets]
        command = [sys.executable, "-m", "lab.forward", lab.record.directory, *pairs]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise LabError(f"lab.forward {' '.join(pairs)}: ended with status {process.wait()}")
        return cls(process, json.loads(line))

    def stop(self) -> None:
        """End the forwarder."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction; the end of the input is passed on as such."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _serve(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection(host, port)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(_carry(reader, inner_writer), _carry(inner_reader, writer))
    except OSError:
        pass  # one side is gone; both are closed below
    finally:
        inner_writer.close()
        writer.close()


async def _forward(lab: Lab, targets: list[tuple[int, str, int]]) -> None:
    listeners = [(socket.create_server(("127.0.0.1", port)), host, inside) for port, host, inside in targets]
    namespaces.enter(Path("/run/netns") / lab.record.netns, namespaces.NEW_NET)
    for listener, host, inside in listeners:

        async def accepted(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str = host, inside: int = inside
        ) -> None:
            await _serve(host, inside, reader, writer)

        await asyncio.start_server(accepted, sock=listener)
    print(json.dumps([listener.getsockname()[1] for listener, _, _ in listeners]), flush=True)
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    loop.add_reader(sys.stdin, lambda: closed.set() if not sys.stdin.read(1) else None)
    await closed.wait()


def main(arguments: list[str]) -> int:
    """Forward until standard input closes."""
    try:
        targets: list[tuple[int, str, int]] = []
        for pair in arguments[1:]:
            outside, host, inside = pair.split(":")
            targets.append((int(outside), host, int(inside)))
        asyncio.run(_forward(open_lab(arguments[0]), targets))
    except (LabError, OSError, ValueError, IndexError) as error:
        print(f"lab.forward: {error} (wanted DIRECTORY PORT:HOST:PORT...)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
