"""Reads an ISO 9660 image by the standard, not by the code that wrote it."""

from __future__ import annotations

import struct


def only_file(image):
    """Name and bytes of the one file in the root folder."""
    volume = image[16 * 2048 : 17 * 2048]
    assert volume[:7] == b"\x01CD001\x01"
    assert image[17 * 2048 : 17 * 2048 + 6] == b"\xffCD001"
    assert struct.unpack_from("<I", volume, 80)[0] * 2048 == len(image)
    start, size = struct.unpack_from("<I", volume, 156 + 2)[0], struct.unpack_from("<I", volume, 156 + 10)[0]
    folder, files, at = image[start * 2048 : start * 2048 + size], [], 0
    while at < size and folder[at]:
        length, name_length = folder[at], folder[at + 32]
        name = folder[at + 33 : at + 33 + name_length]
        if not folder[at + 25] & 2:
            where, long = struct.unpack_from("<I", folder, at + 2)[0], struct.unpack_from("<I", folder, at + 10)[0]
            files.append((name.decode(), image[where * 2048 : where * 2048 + long]))
        at += length
    [found] = files
    return found
