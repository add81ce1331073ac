"""`curl`: an authenticated request, its reply as it is."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, flag, option


@command(
    "curl",
    argument("path"),
    option("-X", "--method", default="GET", help="HTTP method."),
    option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Header."),
    option("--body", metavar="PATH", help="File with the body."),
    flag("-i", "--show-headers", help="Show the reply's headers."),
)
def COMMAND(
    session: Session, path: str, method: str, headers: tuple[str, ...], body: str | None, show_headers: bool
) -> None:
    """Make an authenticated request to the director."""
    sent: dict[str, str] = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon:
            raise CliError(f"Header '{header}' is not in format 'Name: value'.")
        sent[name.strip()] = value.strip()
    content = Path(body).read_bytes() if body else None
    answer = session.director().raw(method.upper(), path, content, sent)
    if show_headers:
        lines = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        session.screen.block("\n".join(lines) + "\n\n")
    session.screen.block(answer.text)
    if answer.status_code >= 400:
        raise CliError(f"The director answered with status {answer.status_code}.")
