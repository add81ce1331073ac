"""`cloud-check`: problems between records and cloud, and their repair."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.task_follow import follow
from meristem.cli.verb import command, flag, option
from meristem.formats.values import Hash, hashes


@command(
    "cloud-check",
    flag("-a", "--auto", help="Take the default resolution of every problem."),
    flag("-r", "--report", help="Only list; exits with 1 if there are problems."),
    option("--resolution", "resolutions", multiple=True, help="Take this resolution wherever it applies."),
)
def COMMAND(session: Session, auto: bool, report: bool, resolutions: tuple[str, ...]) -> None:
    """Find problems of the deployment given by -d and repair them."""
    base = f"/deployments/{escaped(session.deployment())}"
    director = session.director()
    follow(session, director.start("POST", f"{base}/scans"))
    problems = director.rows(f"{base}/problems")
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
    body: Hash = {"resolutions": chosen}
    follow(session, director.start("PUT", f"{base}/problems", body=body))


def _choose(session: Session, problem: Hash, wanted: tuple[str, ...]) -> str | None:
    offered = [(text(item.get("name")), text(item.get("plan"))) for item in hashes(problem.get("resolutions"))]
    for name, _ in offered:
        if name in wanted:
            return name
    if wanted:
        return "ignore"
    session.screen.line(f"\nProblem (type: {text(problem.get('type'))}): {text(problem.get('description'))}")
    for number, (_, plan) in enumerate(offered, 1):
        session.screen.line(f"  {number}: {plan}")
    answer = session.screen.ask(f"Resolution (1-{len(offered)})")
    if not answer.isdigit() or not 1 <= int(answer) <= len(offered):
        raise CliError(f"'{answer}' is none of the resolutions.", "Give its number.")
    return offered[int(answer) - 1][0]
