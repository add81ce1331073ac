"""Which instances a message means: pure."""

from __future__ import annotations

from paas.dea.record import Record
from paas.messages.dea import Find, Stop


def stopped_by(stop: Stop, record: Record) -> bool:
    """Whether a ``dea.stop`` means this one."""
    return (
        record.droplet == stop.droplet
        and stop.version in ("", record.version)
        and (stop.instances is None or record.instance in stop.instances)
        and (stop.indices is None or record.index in stop.indices)
        and (stop.states is None or record.state in stop.states)
    )


def found_by(find: Find, record: Record) -> bool:
    """Whether a ``dea.find.droplet`` asks for this one."""
    return (
        record.droplet == find.droplet
        and find.version in ("", record.version)
        and (find.instance_ids is None or record.instance in find.instance_ids)
        and (find.indices is None or record.index in find.indices)
        and (find.states is None or record.state in find.states)
    )
