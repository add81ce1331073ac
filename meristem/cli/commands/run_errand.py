"""`run-errand`."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.full_rows import parse
from meristem.cli.session import Session
from meristem.cli.slug import instance
from meristem.cli.table import Table
from meristem.cli.task_follow import follow, result
from meristem.cli.verb import argument, command, flag, option
from meristem.formats.values import Hash, Value, is_hash


@command(
    "run-errand",
    argument("name"),
    option("--instance", "slugs", multiple=True, metavar="GROUP[/ID]", help="Only on these instances."),
    flag("--keep-alive", help="Keep the errand's VM."),
    flag("--when-changed", help="Skip if nothing changed since the last success."),
    flag("--download-logs", help="Download the logs."),
    option("--logs-dir", default=".", help="Where to put the logs."),
)
def COMMAND(
    session: Session,
    name: str,
    slugs: tuple[str, ...],
    keep_alive: bool,
    when_changed: bool,
    download_logs: bool,
    logs_dir: str,
) -> None:
    """Run an errand; exits with 1 if it failed on any instance."""
    base = f"/deployments/{escaped(session.deployment())}/errands/{escaped(name)}/runs"
    director = session.director()
    chosen: list[Value] = []
    for slug in slugs:
        found = instance(slug)
        one: Hash = {"group": found.group}
        if found.one:
            one["id"] = found.instance
        chosen.append(one)
    body: Hash = {"keep-alive": keep_alive, "when-changed": when_changed, "instances": chosen}
    task = director.start("POST", base, body=body)
    follow(session, task)
    outcomes = parse(result(director, task))
    rows: list[list[str]] = []
    for outcome in outcomes:
        where = outcome.get("instance")
        label = f"{text(where.get('group'))}/{text(where.get('id'))}" if is_hash(where) else "?"
        rows.append([label, text(outcome.get("exit_code")), text(outcome.get("stdout")), text(outcome.get("stderr"))])
        logs = outcome.get("logs")
        if download_logs and is_hash(logs) and logs.get("blobstore_id"):
            target = Path(logs_dir) / f"{name}.{label.replace('/', '.')}.tgz"
            director.download(f"/resources/{escaped(text(logs.get('blobstore_id')))}", target)
            session.screen.line(f"Logs of {label} in '{target}'")
    session.screen.table(Table("errand(s)", ["Instance", "Exit Code", "Stdout", "Stderr"], rows))
    failed = [row for row in rows if row[1] != "0"]
    if failed:
        told = ", ".join(f"{row[0]} (exit code {row[1]})" for row in failed)
        raise CliError(f"Errand '{name}' completed with error on {told}.")
