"""Passwords: hashed with argon2id in threads, so many at once and no more; a user who is not there costs as much as one who is."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from paas.uaa.config import Hashing

LONGEST = 255


class Passwords:
    """Holds the threads; end with `close`."""

    def __init__(self, cost: Hashing) -> None:
        self._hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory, parallelism=cost.lanes)
        self._threads = ThreadPoolExecutor(cost.at_once, thread_name_prefix="passwords")
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """To be kept."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether `kept` was made of `password`; None: of nobody, which takes as long."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._matches, kept, password)

    def outdated(self, kept: str) -> bool:
        """Whether `kept` was made at another cost than today's."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """No more."""
        self._threads.shutdown(wait=False)

    def _matches(self, kept: str | None, password: str) -> bool:
        if len(password) > LONGEST:
            return False
        try:
            return self._hasher.verify(kept or self._nobody, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False
