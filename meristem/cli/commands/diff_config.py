"""`diff-config`: two stored configs or files."""

from __future__ import annotations

from meristem.cli import diff_view, template
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.verb import command, option
from meristem.formats.values import Hash, is_hash


@command(
    "diff-config",
    option("--from-id", help="Config id to compare from."),
    option("--to-id", help="Config id to compare to."),
    option("--from-content", metavar="PATH", help="File to compare from."),
    option("--to-content", metavar="PATH", help="File to compare to."),
)
def COMMAND(
    session: Session, from_id: str | None, to_id: str | None, from_content: str | None, to_content: str | None
) -> None:
    """Compare two configs."""
    body: Hash = {"from": _side(from_id, from_content, "from"), "to": _side(to_id, to_content, "to")}
    answer = session.director().send("POST", "/configs/diff", body)
    diff_view.show(session, answer.get("diff") if is_hash(answer) else None)


def _side(config_id: str | None, path: str | None, which: str) -> Hash:
    if bool(config_id) == bool(path):
        raise CliError(f"Give either --{which}-id or --{which}-content.")
    return {"id": config_id} if config_id else {"content": template.read(path or "")}
