"""The plugin's properties, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cpi.contract import CloudError, Json
from cpi.sim import shape
from cpi.sim.faults import Fault
from cpi.sim.latency import Latency
from cpi.sim.limits import Limits

KEYS = (
    "state_dir", "seed", "latency", "rate_limit", "quota", "faults", "zones", "agents", "speed", "mbus", "agent",
    "blobstore", "ntp", "stemcell_formats", "record",
)  # fmt: skip
AGENT_KEYS = ("boot", "latency", "heartbeat", "linger", "handshakes")


@dataclass(frozen=True, slots=True)
class AgentsConfig:
    """How simulated agents behave. `boot` and `latency` (by action, "default" for the rest) in ms, the others in seconds.

    `linger`: how long their process stays after the last VM has gone; `handshakes`: connections made at the same time.
    """

    boot: Latency = field(default_factory=Latency)
    latency: Mapping[str, Latency] = field(default_factory=dict[str, Latency])
    heartbeat: float = 30.0
    linger: float = 60.0
    handshakes: int = 16

    @classmethod
    def parse(cls, value: object) -> AgentsConfig | None:
        """`true`, `false` or a hash."""
        if value is None or value is False:
            return None
        given = shape.hash_of("agents", {} if value is True else value)
        shape.known("agents", given, AGENT_KEYS)
        return cls(
            Latency.parse("agents.boot", given.get("boot", 0)),
            _latencies("agents.latency", given.get("latency")),
            shape.number("agents.heartbeat", given.get("heartbeat", 30), least=0.05),
            shape.number("agents.linger", given.get("linger", 60)),
            shape.whole("agents.handshakes", given.get("handshakes", 16), least=1),
        )


@dataclass(frozen=True, slots=True)
class Config:
    """Properties of one call. `record`: note every effect in the inventory, for proofs. `latency` by method, "default" for the rest; `speed` 60 makes a minute a second."""

    state_dir: Path
    seed: int = 0
    latency: Mapping[str, Latency] = field(default_factory=dict[str, Latency])
    limits: Limits = field(default_factory=Limits)
    faults: tuple[Fault, ...] = ()
    zones: tuple[str, ...] = ()
    agents: AgentsConfig | None = None
    speed: float = 1.0
    mbus: str = ""
    ntp: tuple[str, ...] = ()
    blobstore: Json = field(default_factory=dict[str, object])
    stemcell_formats: tuple[str, ...] = ("sim",)
    record: bool = False

    @classmethod
    def parse(cls, properties: Json) -> Config:
        """Read the merged properties; CloudError names the one that is wrong."""
        shape.known("", properties, KEYS)
        state_dir = Path(shape.text("state_dir", properties.get("state_dir", "/var/lib/meristem/sim")))
        if not state_dir.is_absolute():
            raise CloudError(f"sim property state_dir {str(state_dir)!r} must be an absolute path")
        agent = shape.hash_of("agent", properties.get("agent"))
        return cls(
            state_dir=state_dir,
            seed=shape.whole("seed", properties.get("seed", 0)),
            latency=_latencies("latency", properties.get("latency")),
            limits=Limits.parse(properties.get("rate_limit"), properties.get("quota")),
            faults=tuple(Fault.parse(n, one) for n, one in enumerate(shape.items("faults", properties.get("faults")))),
            zones=shape.texts("zones", properties.get("zones")),
            agents=AgentsConfig.parse(properties.get("agents")),
            speed=shape.number("speed", properties.get("speed", 1), least=0.001),
            mbus=str(agent.get("mbus") or properties.get("mbus") or ""),
            ntp=shape.texts("ntp", agent.get("ntp") or properties.get("ntp")),
            blobstore=shape.hash_of("blobstore", agent.get("blobstore") or properties.get("blobstore")),
            stemcell_formats=shape.texts("stemcell_formats", properties.get("stemcell_formats")) or ("sim",),
            record=properties.get("record") is True,
        )


def _latencies(where: str, value: object) -> dict[str, Latency]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"default": Latency.parse(where, value)}
    return {name: Latency.parse(f"{where}.{name}", one) for name, one in shape.hash_of(where, value).items()}
