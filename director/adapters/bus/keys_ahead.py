"""Private keys made ahead of need, in a thread that yields to everything else: a VM need not wait for its key."""

from __future__ import annotations

import contextlib
import os
import queue
import threading

from cryptography.hazmat.primitives.asymmetric import rsa

from director.adapters.authority import make_key

_LOWEST = 19


class KeysAhead:
    """Keeps up to ``count`` keys; the thread ends with the process or by `close`."""

    def __init__(self, count: int) -> None:
        self._keys: queue.Queue[rsa.RSAPrivateKey] = queue.Queue(count)
        self._closed = threading.Event()
        threading.Thread(target=self._fill, name="keys-ahead", daemon=True).start()

    def take(self) -> rsa.RSAPrivateKey:
        """One that is ready, or a new one (0.3 s)."""
        try:
            return self._keys.get_nowait()
        except queue.Empty:
            return make_key()

    def ready(self) -> int:
        """How many are at hand."""
        return self._keys.qsize()

    def close(self) -> None:
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            self._keys.get_nowait()

    def _fill(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
        while not self._closed.is_set():
            self._keys.put(make_key())
