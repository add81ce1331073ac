"""How long a plan should take, and who is down for how long, in a few lines; what is not known is said."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.spans import positive, span
from meristem.formats.values import Hash, hashes, strings


def lines(forecast: Hash) -> list[str]:
    """Nothing for a plan without steps that take time."""
    if not forecast.get("steps"):
        return []
    told = [f"Expected duration: {_duration(forecast)}", *_downtime(forecast)]
    gone = forecast.get("down_for_good")
    if isinstance(gone, int) and gone:
        told.append(f"Stopped or deleted: {gone} {'instances' if gone > 1 else 'instance'}")
    return told


def _duration(forecast: Hash) -> str:
    unknown = ", ".join(strings(forecast.get("unknown")))
    if forecast.get("seconds") is None:
        return f"unknown, as no such step has been timed yet ({unknown})"
    about = span(forecast.get("seconds"))
    waits = f", {span(forecast.get('waits'))} of it for watch times" if positive(forecast.get("waits")) else ""
    if forecast.get("whole"):
        likely = span(forecast.get("likely"))
        return f"about {about}" + (f", likely below {likely}" if likely not in ("", about) else "") + waits
    missing = f"{_missing(forecast)} of {text(forecast.get('steps'))} steps have never been timed: {unknown}"
    return f"at least {about}{waits} ({missing})"


def _missing(forecast: Hash) -> int:
    steps, timed = forecast.get("steps"), forecast.get("timed")
    return steps - timed if isinstance(steps, int) and isinstance(timed, int) else 0


def _downtime(forecast: Hash) -> list[str]:
    told: list[str] = []
    for one in hashes(forecast.get("downtime")):
        count, each = one.get("instances"), span(one.get("seconds"))
        longest = span(one.get("longest"))
        many = f"{text(count)} instances, " if count != 1 else ""
        range_ = each if each == longest else f"{each}, at most {longest}"
        if one.get("whole"):
            known = f"about {range_}"
        else:
            known = f"at least {longest}" if positive(one.get("longest")) else "unknown"
        told.append(
            f"Downtime of {text(one.get('group'))}: {many}{known}{' each' if many and known != 'unknown' else ''}"
        )
    return told
