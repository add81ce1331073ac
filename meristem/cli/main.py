"""Entry of `meristem` (alias `mst`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from meristem.cli.failure import CliError, Detached
from meristem.cli.session import Session
from meristem.cli.settings import Settings
from meristem.cli.verb import VerbGroup
from meristem.cli.verbs import ALIASES, VERBS


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb and exits with 0 or 1. Errors are one line on stderr; no traceback reaches the user."""
    settings = Settings()
    settings.read_environment(dict(os.environ))
    session = Session.begin(settings)
    root = VerbGroup(VERBS, ALIASES, name="meristem", help="Deploys and keeps distributed systems, the BOSH way.")
    root.params.append(_version())
    code = 1
    try:
        result = root.main(args=list(arguments) if arguments is not None else None, obj=settings, standalone_mode=False)
        code = result if isinstance(result, int) else 0
        if code == 0 and _has_verb(sys.argv[1:] if arguments is None else arguments):
            session.screen.line("Succeeded")
    except click.UsageError as error:
        error.show()
    except (click.Abort, KeyboardInterrupt):
        session.screen.error_line("Interrupted")
    except Detached as detached:
        session.screen.error_line(
            f"\nDetached; task {detached.task_id} goes on. Rejoin: meristem task {detached.task_id}"
        )
    except BrokenPipeError:
        # The reader went away; let Python's own flush at exit not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        code = 1
        for line in _told(error):
            session.screen.error_line(line)
        session.screen.error_line("Exit code 1")
    session.close()
    sys.exit(code)


def _told(error: Exception) -> list[str]:
    if isinstance(error, CliError):
        return [part for part in (error.message, error.remedy) if part]
    from meristem.formats.errors import FormatError

    if isinstance(error, FormatError):
        return [f"{error.place}: {error.message}", error.remedy]
    if isinstance(error, click.ClickException):
        return [error.format_message()]
    if isinstance(error, OSError):
        return [f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"]
    if os.environ.get("MERISTEM_TRACE"):
        raise error
    return [f"Unexpected {type(error).__name__}: {error}", "Run again with MERISTEM_TRACE=1 for the whole story."]


def _has_verb(arguments: Sequence[str]) -> bool:
    return not any(word in ("--help", "-h", "--version") for word in arguments)


def _version() -> click.Option:
    def show(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            from meristem import __version__

            click.echo(f"meristem {__version__}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version."
    )


if __name__ == "__main__":
    main()
