"""`logs`: fetched as one archive, or followed over SSH."""

from __future__ import annotations

import time
from pathlib import Path

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.slug import InstanceSlug, instance
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, flag, option


@command(
    "logs",
    argument("slug", required=False, metavar="[GROUP[/ID]]"),
    option("--dir", "directory", default=".", help="Where to put the archive."),
    flag("-f", "--follow", help="Follow the logs over SSH."),
    option("--num", type=int, default=None, help="Last lines to show (over SSH)."),
    flag("-q", "--quiet", help="No file headers when following."),
    option("--job", "jobs", multiple=True, help="Only these jobs."),
    option("--only", "filters", multiple=True, help="Only these globs."),
    flag("--agent", help="Agent logs."),
    flag("--system", help="System logs."),
    flag("--all-logs", help="Job, agent and system logs."),
)
def COMMAND(
    session: Session,
    slug: str | None,
    directory: str,
    follow: bool,
    num: int | None,
    quiet: bool,
    jobs: tuple[str, ...],
    filters: tuple[str, ...],
    agent: bool,
    system: bool,
    all_logs: bool,
) -> None:
    """Fetch the logs of the instances given, or of all."""
    target = instance(slug)
    deployment = session.deployment()
    if follow or num is not None:
        _tail(session, deployment, target, jobs, num, follow=follow, quiet=quiet, agent=agent)
        return
    kinds = [kind for kind, wanted in (("agent", agent), ("system", system)) if wanted] or ["job"]
    if all_logs:
        kinds = ["job", "agent", "system"]
    chosen = [*filters, *(f"{job}/**/*" for job in jobs)]
    _fetch(session, deployment, target, kinds, chosen, Path(directory))


def _fetch(
    session: Session, deployment: str, target: InstanceSlug, kinds: list[str], filters: list[str], directory: Path
) -> None:
    director = session.director()
    group, identity = (word if word == "*" else escaped(word) for word in (target.group, target.instance))
    path = f"/deployments/{escaped(deployment)}/jobs/{group}/{identity}/logs"
    query = {"type": ",".join(kinds), "filters": ",".join(filters) or None}
    task = follow(session, director.start("GET", path, query))
    blob = text(task.get("result"))
    if not blob:
        raise CliError("The task ended without a log archive.", f"See: meristem task {text(task.get('id'))} --debug")
    words = [deployment, *(word for word in (target.group, target.instance) if word != "*")]
    name = ".".join([*words, time.strftime("%Y%m%d-%H%M%S", time.gmtime()), "tgz"])
    archive = directory / name
    session.screen.line(f"Downloading resource '{blob}' to '{archive}'...")
    director.download(f"/resources/{escaped(blob)}", archive)


def _tail(
    session: Session,
    deployment: str,
    target: InstanceSlug,
    jobs: tuple[str, ...],
    lines: int | None,
    *,
    follow: bool,
    quiet: bool,
    agent: bool,
) -> None:
    from meristem.cli import ssh_session

    roots = [f"/var/vcap/sys/log/{job}" for job in jobs] or ["/var/vcap/sys/log"]
    files = "/var/vcap/bosh/log/current" if agent else " ".join(f"$(find {root} -name '*.log')" for root in roots)
    words = [
        "sudo tail",
        "-F" if follow else "",
        f"-n {lines}" if lines is not None else "",
        "-q" if quiet else "-v",
        files,
    ]
    line = " ".join(word for word in words if word)
    ssh_session.run(session, deployment, target, ssh_session.Route(), line)
