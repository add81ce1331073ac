"""How long things take: fixed, or from a distribution."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from cpi.contract import Json
from cpi.sim import shape

Form = Literal["fixed", "uniform", "normal", "exponential"]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds: fixed (`first`), uniform (from `first` to `second`), normal (mean `first`, deviation `second`) or
    exponential (mean `first`). A draw is never below zero."""

    form: Form = "fixed"
    first: float = 0.0
    second: float = 0.0

    @classmethod
    def parse(cls, where: str, value: object) -> Latency:
        """A number, or one of `{uniform: [least, most]}`, `{normal: [mean, deviation]}`, `{exponential: mean}`."""
        if not isinstance(value, Mapping):
            return cls("fixed", shape.number(where, value))
        given = shape.hash_of(where, cast(Json, value))
        shape.known(where, given, ("uniform", "normal", "exponential"))
        if len(given) != 1:
            shape.fail(where, "a number or one distribution", dict(given))
        form, values = next(iter(given.items()))
        if form == "exponential":
            return cls("exponential", shape.number(f"{where}.{form}", values))
        pair = [shape.number(f"{where}.{form}[{place}]", one) for place, one in enumerate(shape.items(where, values))]
        if len(pair) != 2 or (form == "uniform" and pair[0] > pair[1]):
            shape.fail(f"{where}.{form}", "[least, most]" if form == "uniform" else "[mean, deviation]", values)
        return cls("uniform" if form == "uniform" else "normal", pair[0], pair[1])

    def draw(self, luck: random.Random) -> float:
        """Seconds."""
        match self.form:
            case "fixed":
                drawn = self.first
            case "uniform":
                drawn = luck.uniform(self.first, self.second)
            case "normal":
                drawn = luck.gauss(self.first, self.second)
            case "exponential":
                drawn = luck.expovariate(1 / self.first) if self.first else 0.0
        return max(0.0, drawn) / 1000
