"""Problems of a deployment, for the commands that list and repair them."""

from __future__ import annotations

from collections.abc import Sequence

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.formats.values import Hash, hashes


def scanned(session: Session) -> list[Hash]:
    """Scan the deployment given by -d; what is found."""
    base = f"/deployments/{escaped(session.deployment())}"
    director = session.director()
    follow(session, director.start("POST", f"{base}/scans"))
    return director.rows(f"{base}/problems")


def by_group(problems: Sequence[Hash]) -> dict[str, list[Hash]]:
    """By instance group, in the order of names."""
    found: dict[str, list[Hash]] = {}
    for one in problems:
        found.setdefault(text(one.get("instance_group")), []).append(one)
    return dict(sorted(found.items()))


def offered(problem: Hash) -> list[tuple[str, str]]:
    """Names and sentences of its resolutions."""
    return [(text(item.get("name")), text(item.get("plan"))) for item in hashes(problem.get("resolutions"))]


def choice(session: Session, ways: Sequence[tuple[str, str]]) -> str:
    """Ask which; its name."""
    for number, (_, plan) in enumerate(ways, 1):
        session.screen.line(f"  {number}: {plan}")
    answer = session.screen.ask(f"Resolution (1-{len(ways)})")
    if not answer.isdigit() or not 1 <= int(answer) <= len(ways):
        raise CliError(f"'{answer}' is none of the resolutions.", "Give its number.")
    return ways[int(answer) - 1][0]


def resolve(session: Session, chosen: Hash, widths: Hash | None = None) -> None:
    """Have these resolutions carried out; ``widths``: max_in_flight by instance group."""
    body: Hash = {"resolutions": chosen}
    if widths:
        body["max_in_flight_overrides"] = widths
    base = f"/deployments/{escaped(session.deployment())}"
    follow(session, session.director().start("PUT", f"{base}/problems", body=body))
