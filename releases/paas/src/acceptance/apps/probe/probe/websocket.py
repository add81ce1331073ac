"""The server's side of a WebSocket (RFC 6455) that sends back what it hears."""

from __future__ import annotations

import base64
import hashlib
from typing import BinaryIO

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE = 8


def echo(headers, reader: BinaryIO, writer: BinaryIO) -> None:
    """Answer the handshake and echo frames (up to 64 KB) until the other side closes."""
    accept = base64.b64encode(hashlib.sha1((headers["Sec-WebSocket-Key"] + GUID).encode()).digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    writer.flush()
    while True:
        head = reader.read(2)
        if len(head) < 2:
            return
        size = head[1] & 127
        if size == 126:
            size = int.from_bytes(reader.read(2), "big")
        mask = reader.read(4)
        data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(reader.read(size)))
        length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
        writer.write(bytes([head[0]]) + length + data)
        writer.flush()
        if head[0] & 15 == CLOSE:
            return
