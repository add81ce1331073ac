"""What goes wrong, and when: by method, by the number of the call, or by chance from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cpi.contract import ERRORS, CloudError, CpiError, Facts
from cpi.sim import shape
from cpi.sim.boot import PHASES
from cpi.sim.chance import dice

CALL_KINDS = ("error", "lost", "slow")
VM_KINDS = ("never_boots", "powers_off", "crashes", "vanishes", "agent_dies", "agent_slow", "agent_failing")
KINDS = (*CALL_KINDS, *VM_KINDS, "disk_stuck", "agent_error")
HOWS = ("error", "hang", "die")
KEYS = (
    "kind", "method", "nth", "every", "chance", "times", "zone", "group", "type", "message", "ok_to_retry", "how",
    "seconds", "state", "phase",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of `faults`.

    It meets a call of `methods` (all if empty) that is number `nth`, or every `every`-th, or by `chance`; without any of
    the three each call; at most `times` times. `zone` and `group` (an instance group) narrow it further.
    """

    place: int
    kind: str
    methods: tuple[str, ...] = ()
    nth: tuple[int, ...] = ()
    every: int = 0
    chance: float | None = None
    times: int | None = None
    zone: str = ""
    group: str = ""
    type_name: str = CloudError.type_name
    message: str = ""
    ok_to_retry: bool = False
    how: str = "error"
    seconds: float = 0.0
    state: str = "error"
    phase: str = "bus"

    @property
    def counter(self) -> str:
        """The name under which the inventory counts it."""
        return f"fault:{self.place}:{self.kind}"

    def meets(
        self, seed: int, method: str, number: int, *, zone: str = "", groups: Sequence[str] = (), subject: str = ""
    ) -> bool:
        """Whether it meets the call with this number (from 1) of this method; `times` is for the caller to see to.

        `subject`: the VM inside which calls are counted.
        """
        if (self.methods and method not in self.methods) or (self.zone and self.zone != zone):
            return False
        if self.group and self.group not in groups:
            return False
        if not self.nth and not self.every and self.chance is None:
            return True
        if number in self.nth or (self.every and number % self.every == 0):
            return True
        return self.chance is not None and dice(seed, self.place, subject, method, number).random() < self.chance

    def error(self, method: str) -> CpiError:
        """The error that it raises in place of an effect."""
        text = self.message or f"simulated fault: {method} failed"
        kind = ERRORS.get(self.type_name, CloudError)
        return kind(text, ok_to_retry=self.ok_to_retry, facts=Facts(method=method, endpoint="sim"))

    @classmethod
    def parse(cls, place: int, value: object) -> Fault:
        """Read one entry; CloudError names the key that is wrong."""
        where = f"faults[{place}]"
        given = shape.hash_of(where, value)
        shape.known(where, given, KEYS)
        kind = shape.text(f"{where}.kind", given.get("kind"))
        if kind not in KINDS:
            shape.fail(f"{where}.kind", f"one of {', '.join(KINDS)}", kind)
        how = shape.text(f"{where}.how", given.get("how", "error"))
        if how not in HOWS:
            shape.fail(f"{where}.how", f"one of {', '.join(HOWS)}", how)
        type_name = shape.text(f"{where}.type", given.get("type", CloudError.type_name))
        if type_name not in ERRORS:
            shape.fail(f"{where}.type", f"an error of the contract ({', '.join(sorted(ERRORS))})", type_name)
        nth = given.get("nth")
        numbers = shape.items(f"{where}.nth", [nth] if isinstance(nth, int) else nth)
        retry = given.get("ok_to_retry", False)
        if not isinstance(retry, bool):
            shape.fail(f"{where}.ok_to_retry", "true or false", retry)
        chance = given.get("chance")
        if chance is not None and shape.number(f"{where}.chance", chance) > 1:
            shape.fail(f"{where}.chance", "a number from 0 to 1", chance)
        phase = shape.text(f"{where}.phase", given.get("phase", "bus"))
        if phase not in PHASES:
            shape.fail(f"{where}.phase", f"one of {', '.join(PHASES)}", phase)
        times = given.get("times")
        default_method = {"disk_stuck": ("create_disk",)}.get(kind, ("create_vm",) if kind in VM_KINDS else ())
        return cls(
            place,
            kind,
            shape.texts(f"{where}.method", given.get("method")) or default_method,
            tuple(shape.whole(f"{where}.nth", one, least=1) for one in numbers),
            shape.whole(f"{where}.every", given.get("every", 0)),
            None if chance is None else shape.number(f"{where}.chance", chance),
            None if times is None else shape.whole(f"{where}.times", times, least=1),
            str(given.get("zone") or ""),
            str(given.get("group") or ""),
            type_name,
            str(given.get("message") or ""),
            retry,
            how,
            shape.number(f"{where}.seconds", given.get("seconds", 0)),
            str(given.get("state") or "error"),
            phase,
        )
