"""What the QEMU CPI of the how-to really made: processes, files, and data written through the running VM's own block layer."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

PLACE = 8192
"""Bytes from the beginning of the disk at which the kit's text stands."""


def processes(properties: dict[str, Any]) -> dict[str, int]:
    """CID -> process id of each VM that runs."""
    found: dict[str, int] = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        _, here, rest = words.partition(f"unix:{properties['state_dir']}/")
        if words.startswith("qemu-system") and here:
            found[rest.partition("/")[0]] = int(path.parent.name)
    return found


def inventory(properties: dict[str, Any]) -> list[str]:
    top = Path(properties["state_dir"])
    folders = [path.name for path in top.iterdir() if path.is_dir()] if top.is_dir() else []
    return [*folders, *(f"process of {cid}" for cid in processes(properties))]


def settings(properties: dict[str, Any], vm: str) -> Any:
    """The file on the config drive."""
    return json.loads((Path(properties["state_dir"]) / vm / "config/ec2/latest/user-data").read_text())


def write(properties: dict[str, Any], vm: str, disk: str, hint: Any, text: str) -> None:
    source = Path(properties["state_dir"]) / "text"
    source.write_bytes(text.encode().ljust(512, b"\0"))
    for command in (f"write -s {source} {PLACE} 512", "flush"):
        words = f'qemu-io -d of-{disk} "{command}"'
        _qmp(properties, vm, "human-monitor-command", {"command-line": words})
    source.unlink()


def read(properties: dict[str, Any], vm: str, disk: str, hint: Any) -> str:
    """From the file that the running VM has open for this disk."""
    nodes = _qmp(properties, vm, "query-named-block-nodes", {})
    (file,) = {node["file"] for node in nodes if node["node-name"] == disk}
    with open(file, "rb") as opened:
        opened.seek(PLACE)
        return opened.read(512).rstrip(b"\0").decode(errors="replace")


def vanish(properties: dict[str, Any], vm: str) -> None:
    os.kill(processes(properties)[vm], signal.SIGKILL)
    (Path(properties["state_dir"]) / vm / "ready").unlink()


def _qmp(properties: dict[str, Any], vm: str, command: str, arguments: dict[str, Any]) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(f"{properties['state_dir']}/{vm}/qmp")
        lines = connection.makefile("r")
        for word, given in (("qmp_capabilities", {}), (command, arguments)):
            connection.sendall(json.dumps({"execute": word, "arguments": given}).encode())
            while "return" not in (told := json.loads(lines.readline())):
                assert "error" not in told, told
        return told["return"]
