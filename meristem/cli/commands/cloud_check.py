"""`cloud-check`: problems between records and cloud, and their repair."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.failure import CliError
from meristem.cli.problems import choice, offered, resolve, scanned
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command, flag, option
from meristem.formats.values import Hash


@command(
    "cloud-check",
    flag("-a", "--auto", help="Take the default resolution of every problem."),
    flag("-r", "--report", help="Only list; exits with 1 if there are problems."),
    option("--resolution", "resolutions", multiple=True, help="Take this resolution wherever it applies."),
)
def COMMAND(session: Session, auto: bool, report: bool, resolutions: tuple[str, ...]) -> None:
    """Find problems of the deployment given by -d and repair them."""
    problems = scanned(session)
    rows = [[text(problem.get(key)) for key in ("id", "type", "description")] for problem in problems]
    session.screen.table(Table("problems", ["#", "Type", "Description"], rows))
    if not problems:
        return
    if report:
        raise CliError(f"{len(problems)} problem(s) found")
    chosen: Hash = {}
    for problem in problems:
        chosen[text(problem.get("id"))] = None if auto else _choose(session, problem, resolutions)
    session.screen.confirm()
    resolve(session, chosen)


def _choose(session: Session, problem: Hash, wanted: tuple[str, ...]) -> str | None:
    ways = offered(problem)
    for name, _ in ways:
        if name in wanted:
            return name
    if wanted:
        return "ignore"
    session.screen.line(f"\nProblem (type: {text(problem.get('type'))}): {text(problem.get('description'))}")
    return choice(session, ways)
