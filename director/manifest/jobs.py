"""``jobs[]`` of an instance group or an addon."""

from __future__ import annotations

from collections.abc import Mapping

from director.manifest.reader import Node, did_you_mean, unique
from director.model.deployment import Document, JobWanted

UNKNOWN_RELEASE = 140002
JOB_TWICE = 140010
INVALID_LINK = 190016


def read_jobs(node: Node, group: str, releases: Mapping[str, object], shared: Document) -> tuple[JobWanted, ...]:
    """A job without properties of its own takes the deprecated ones of group and manifest (``shared``)."""
    own = node.hash("properties")
    inherited = merge(shared, own) if shared or own else None
    found: list[tuple[JobWanted, Node]] = []
    for item in node.items("jobs"):
        job = read_job(item, inherited)
        if job is None:
            continue
        if job.release not in releases:
            message = f"Job '{job.name}' (instance group '{group}') references an unknown release '{job.release}'"
            item.fault(message, did_you_mean(job.release, releases), code=UNKNOWN_RELEASE, at="release")
        found.append((job, item))
    unique(
        [(job.name, place) for job, place in found],
        f"Colocated job '{{name}}' is already added to the instance group '{group}'",
        code=JOB_TWICE,
    )
    return tuple(job for job, _ in found)


def read_job(node: Node, inherited: Document | None) -> JobWanted | None:
    """One job; None when its name or release is missing."""
    name, release = node.text("name"), node.text("release")
    given = node.value.get("properties") is not None
    properties = node.hash("properties") if given else inherited
    consumes, provides = node.hash("consumes"), node.hash("provides")
    custom = tuple(item.value for item in node.items("custom_provider_definitions"))
    if "provides" in node or "consumes" in node:
        _check_link_words(node, consumes, provides)
    return JobWanted(name, release, properties, consumes, provides, custom) if name and release else None


def merge(under: Document, over: Document) -> Document:
    """Hashes merged at every level; ``over`` wins."""
    out = dict(under)
    for key, value in over.items():
        held = out.get(key)
        out[key] = merge(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return out


def _check_link_words(node: Node, consumes: Document, provides: Document) -> None:
    for section, held in (("consumes", consumes), ("provides", provides)):
        for name, value in held.items():
            if isinstance(value, dict) or value == "nil":
                continue
            message = f"Link '{name}' in '{section}' should only be a hash or string 'nil'"
            remedy = "Write 'nil' (not ~ or null) to block it."
            node.child(section).fault(message, remedy, code=INVALID_LINK, at=name)
