"""Holding leases while a task runs: renewed in the background, looked at just before each effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from director.model.errors import LeaseLost, StoreAway
from director.ports.store import Lease, Store

TERM = 30.0
SPARE = 0.1
"""Part of the term, at its end, in which nothing that was begun in it may go on."""


class Horizon:
    """Until when this director may act: the first end of a lease among those of its tasks, by a clock that no freeze holds up. ``tell`` gets it
    whenever it moves, None when the director holds none."""

    def __init__(self, tell: Callable[[float | None], None], now: Callable[[], float]) -> None:
        self._tell = tell
        self.now = now
        self._ends: dict[object, float] = {}

    def set(self, holder: object, end: float) -> None:
        """The holder's leases are in force until then."""
        self._ends[holder] = end
        self._tell(min(self._ends.values()))

    def drop(self, holder: object) -> None:
        if self._ends.pop(holder, None) is not None:
            self._tell(min(self._ends.values(), default=None))


class Hold:
    """A task's lease and the locks taken with it. Renewed each third of the term; its holder stops acting when two thirds have passed
    without a renewal, so that it is silent before anybody can take over."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        *,
        term: float = TERM,
        monotonic: Callable[[], float] | None = None,
        asked: float | None = None,
        horizon: Horizon | None = None,
    ) -> None:
        """``asked``: when the lease was asked for, by the clock of the horizon (else of the loop); now where it is left out."""
        self._store = store
        self._leases = {lease.name: lease}
        self._name = lease.name
        self._term = term
        # the loop's time is the machine's, unless whoever made the loop has another idea of it
        self._monotonic = monotonic or (horizon.now if horizon is not None else asyncio.get_running_loop().time)
        self._renewed = self._monotonic() if asked is None else asked
        self._horizon = horizon
        self._lost: LeaseLost | None = None
        self._renewals: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()

    @property
    def lease(self) -> Lease:
        """The task's own lease, for commits."""
        return self._leases[self._name]

    @property
    def owner(self) -> str:
        return self.lease.owner

    @property
    def term(self) -> float:
        return self._term

    def add(self, lease: Lease) -> None:
        """Renew this one as well (just taken)."""
        self._leases[lease.name] = lease

    async def drop(self, name: str) -> None:
        """Give one lock back early."""
        lease = self._leases.pop(name)
        await self._store.release(lease)

    async def check(self) -> None:
        """Raises `LeaseLost` when a lease is lost, or cannot be renewed in time to act safely."""
        if self._lost is not None:
            raise self._lost
        if self._monotonic() - self._renewed < self._term * 2 / 3:
            return
        # late (the machine slept, the database was slow): a renewal that succeeds proves that nobody has taken over
        try:
            async with asyncio.timeout(self._term / 3):
                await self._renew()
        except TimeoutError as error:
            raise LeaseLost(
                f"Lease {self._name} was not renewed for {self._monotonic() - self._renewed:.0f} s of its {self._term:.0f} s"
            ) from error

    async def release(self) -> None:
        """Stop renewing and give all back, the task's own last."""
        self.stop()
        for lease in reversed(self._leases.values()):
            await self._store.release(lease)

    def stop(self) -> None:
        """Stop renewing; the leases run out by themselves."""
        if self._renewals is not None:
            self._renewals.cancel()

    async def __aenter__(self) -> Hold:
        self._look_ahead()
        self._renewals = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._horizon is not None and not isinstance(error, asyncio.CancelledError):
            # abandoned by a director that ends: what its calls still do must end with the lease all the same
            self._horizon.drop(self)

    def _look_ahead(self) -> None:
        if self._horizon is not None:
            self._horizon.set(self, self._renewed + self._term * (1 - SPARE))

    async def _keep(self) -> None:
        while self._lost is None:
            await asyncio.sleep(self._term / 3)
            try:
                await self._renew()
            except StoreAway:
                await asyncio.sleep(self._term / 30)  # it may come back; check() knows when it is too late
            except LeaseLost:
                return
            except Exception:
                await asyncio.sleep(self._term / 30)

    async def _renew(self) -> None:
        async with self._renewing:
            asked = self._monotonic()
            try:
                for name, lease in list(self._leases.items()):
                    renewed = await self._store.renew(lease, self._term)
                    if name in self._leases:
                        self._leases[name] = renewed
            except StoreAway:
                raise
            except LeaseLost as error:
                self._lost = error
                raise
            self._renewed = asked
            self._look_ahead()
