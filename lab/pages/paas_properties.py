"""docs/reference/paas-properties.md, from the specs of the release's jobs: `python -m lab.pages.paas_properties`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meristem.formats import job_spec
from meristem.formats.job_spec import JobSpec

TREE = Path(__file__).resolve().parents[2]
PAGE = TREE / "docs/reference/paas-properties.md"
JOBS = TREE / "releases/paas/jobs"
BEGIN = """\
# Jobs of the PaaS: links and properties

Written by `python -m lab.pages.paas_properties` from the specs in `releases/paas/jobs`. What each job runs, and where, is in [the reference of the platform](paas.md).
A property without a default must be given, unless its description says what comes of leaving it out.
"""


def specs() -> dict[str, JobSpec]:
    """All jobs of the release, by name."""
    found = sorted(JOBS.glob("*/spec"))
    return {path.parent.name: job_spec.parse(path.read_text(), str(path), path.parent.name) for path in found}


def page() -> str:
    """The whole page."""
    return "\n".join([BEGIN, *(_section(spec) for spec in specs().values())])


def _section(spec: JobSpec) -> str:
    lines = [f"## {spec.name}\n", " ".join(spec.description.split()), ""]
    if spec.consumes:
        taken = [
            f"`{one.name}`{_typed(one.name, one.type)}{' (optional)' if one.optional else ''}" for one in spec.consumes
        ]
        lines.append(f"Consumes {', '.join(taken)}.")
    if spec.provides:
        given = [f"`{one.name}`{_typed(one.name, one.type)}" for one in spec.provides]
        lines.append(f"Provides {', '.join(given)}.")
    if spec.consumes or spec.provides:
        lines.append("")
    if spec.properties:
        lines += ["| Property | Meaning | Default |", "| --- | --- | --- |"]
        raw: dict[str, Any] = spec.raw.get("properties") or {}  # type: ignore[assignment]
        for name, one in spec.properties.items():
            lines.append(
                f"| `{name}` | {_text(one.description, raw[name])} | {_value(one.default) if one.has_default else ''} |"
            )
        lines.append("")
    return "\n".join(lines)


def _typed(name: str, kind: str) -> str:
    return "" if name == kind else f" of type {kind}"


def _text(description: str, raw: dict[str, Any]) -> str:
    text = " ".join(description.split()).replace("|", "\\|")
    return f"{text}. Such as {_value(raw['example'])}" if "example" in raw else text


def _value(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
