"""The pace at which calls of one method go to one cloud: nobody tells the limit, so it is learned from refusals, and learned again when it moves.

Clouds count calls in buckets: so many tokens flow in per second, a call takes one, a call that finds none is refused. After a refusal the bucket
is known to be empty. Calls sent from then until the next refusal, divided by the time between, are the limit, whatever the bucket's size is,
unless it overflowed in between. So the pace goes a little below what was measured, rises slowly past it, is refused once, and measures again:
one refusal in some hundred and fifty calls, and hardly a token lost. A limit that falls is seen at once by refusals that come too early; one
that rises by none coming when one should, after which the pace doubles every few seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FIRST, RISE_AT_FIRST = 25.0, 0.3
"""Calls per second before anything was learned, and the seconds in which they double."""
CUT = 8
"""The first refusal comes when a bucket is empty, long after the pace went past the limit. From this part of the pace on it rises to the next
one, which measures; each half step that it is still too high would cost refused calls."""
RISE, RISE_CALLS = 3.0, 30
FASTEST = 5000.0
SLOWEST = 1 / 60
LOW, SLOPE, SPAN = 0.95, 0.10, 150
"""The pace goes from LOW of what was measured by SLOPE in SPAN calls, and half as far again before it is taken for too low."""
FEW, SURE = 3, 6
"""Fewer calls than FEW measure nothing; from SURE on the measurement is taken for good."""
IDLE = 1.0
JITTER = 0.1
"""Seconds of lateness (a busy machine) that are made up for."""
LONGEST_PAUSE = 60.0


@dataclass
class _Fall:
    """Refusals of one cause: when the first was noticed, when it was sent, and how things stood before."""

    noticed: float
    first: float
    empty_at: float | None
    base: float
    rate: float
    steep: bool
    soon: bool
    known: bool
    refused: set[float] = field(default_factory=set[float])


@dataclass
class Pace:
    """Seconds everywhere, of any one clock. ``rate``: calls per second right now; ``known``: a refusal was seen."""

    rate: float = FIRST
    known: bool = False
    sent: int = 0
    refused: int = 0
    _base: float = FIRST
    _sure: bool = False
    _pressed: int = 0
    _next: float = 0.0
    _empty_at: float | None = None
    _sends: deque[float] = field(default_factory=deque[float])
    _delay: float = 0.0
    _fall: _Fall | None = None

    def ready_in(self, now: float) -> float:
        """How long the next call should wait; 0 for now."""
        return max(0.0, self._next - now)

    def send(self, now: float, *, pressed: bool) -> None:
        """A call goes. ``pressed``: it had to wait for its turn, so that a higher pace would be used."""
        if self._sends and now - self._sends[-1] > max(IDLE, 5 / self.rate):
            self._empty_at = None  # the bucket may have overflowed meanwhile
        self.sent += 1
        self._sends.append(now)
        if pressed:
            self._pressed += 1
            self._rise()
        self._next = max(self._next, now - JITTER) + 1 / self.rate

    def refuse(self, sent_at: float, now: float, retry_after: float | None = None) -> None:
        """The call sent at ``sent_at`` was refused; ``retry_after`` seconds were named by the cloud."""
        self.refused += 1
        self._delay = max(now - sent_at, self._delay * 0.9)
        if self._fall is None or sent_at > self._fall.noticed:
            steep = not self._sure or self._pressed > SPAN * 3 // 2
            soon = self._pressed < SPAN // 5
            self._fall = _Fall(now, sent_at, self._empty_at, self._base, self.rate, steep, soon, self.known)
            self._pressed = 0
        fall = self._fall
        # calls that were on their way are refused for the same reason; answers may overtake each other
        fall.first = min(fall.first, sent_at)
        fall.refused.add(sent_at)
        self._learn(fall)
        self._empty_at = max(fall.refused)
        # one token more than asked for: a pace a little too high must not be refused again at once
        pause = (2 if retry_after is None else 1) / self._base + (retry_after or 0.0)
        self._next = max(self._next, now + min(pause, LONGEST_PAUSE))

    def _rise(self) -> None:
        if not self.known:
            self.rate = min(FASTEST, self.rate * 2 ** (1 / (self.rate * RISE_AT_FIRST)))
        elif self._sure and self._pressed <= SPAN * 3 // 2:
            self.rate = self._base * (LOW + SLOPE * self._pressed / SPAN)
        else:
            seconds = max(RISE, 10 * self._delay)
            self.rate = min(FASTEST, self.rate * 2 ** (1 / max(self.rate * seconds, RISE_CALLS)))

    def _learn(self, fall: _Fall) -> None:
        """From what was let in between the moment at which the bucket was empty and the first refusal."""
        while self._sends and fall.empty_at is not None and self._sends[0] <= fall.empty_at:
            self._sends.popleft()
        calls = sum(1 for one in self._sends if one < fall.first)
        span = fall.first - fall.empty_at if fall.empty_at is not None else 0.0
        measured = calls / span if span > 0 else 0.0
        # the last pace was above the limit, else the bucket would not have emptied: far above after a steep rise, or when the limit fell. Else
        # a measurement far below it is wrong: the bucket overflowed
        least = fall.rate / (2.0 if fall.soon else 1.75 if fall.steep else 1.08)
        if not fall.known:
            self._base = fall.rate / CUT
        elif calls < FEW:
            self._base = max(min(measured, 0.8 * fall.base), 0.5 * fall.base)
        else:
            self._base = max(measured, least)
        confirmed = abs(self._base / fall.base - 1) < 0.1
        self._sure = fall.known and calls >= SURE and (measured >= least or confirmed)
        self._base = max(self._base, SLOWEST)
        self.known = True
        self.rate = self._base * LOW
