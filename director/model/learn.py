"""What msgspec knows of Structs, learned before there are threads.

It looks at the fields of a Struct when that is first decoded, running Python code meanwhile, and shows a half-made result to whatever other thread
decodes the same kind in that moment; the process then dies of a segmentation fault (msgspec 0.22.0).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec
from msgspec import Struct

_learned: set[type[Struct]] = set()
_learning = threading.Lock()


def learn() -> int:
    """All kinds that are defined by now, before a thread decodes any; how many were new."""
    with _learning:
        fresh = {kind for kind in _kinds(Struct) if kind not in _learned}
        for kind in fresh:
            try:
                msgspec.json.Decoder(kind)
            except (TypeError, NameError):
                continue  # one that is only written, or not whole yet
            finally:
                _learned.add(kind)
        return len(fresh)


def _kinds(base: type[Struct]) -> Iterator[type[Struct]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
