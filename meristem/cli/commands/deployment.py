"""`deployment`: one deployment's releases, stemcells, teams and configs."""

from __future__ import annotations

from meristem.cli.cells import lines, text
from meristem.cli.deployment_rows import labels
from meristem.cli.director import ApiError, Director
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command
from meristem.formats.values import Hash, is_hash


@command("deployment")
def COMMAND(session: Session) -> None:
    """Show the deployment given by -d."""
    name = session.deployment()
    director = session.director()
    found = next((row for row in director.rows("/deployments") if row.get("name") == name), None)
    if found is None:
        raise CliError(f"Deployment '{name}' doesn't exist", "See `deployments`.")
    configs: list[str] = []
    for row in _used_configs(director, name):
        config = row.get("config")
        if is_hash(config):
            configs.append(f"{text(config.get('id'))} {text(config.get('type'))}/{text(config.get('name'))}")
    row = [
        name,
        labels(found.get("releases")),
        labels(found.get("stemcells")),
        "\n".join(configs),
        lines(found.get("teams")),
    ]
    header = ["Name", "Release(s)", "Stemcell(s)", "Config(s)", "Team(s)"]
    session.screen.table(Table("deployments", header, [row]))


def _used_configs(director: Director, name: str) -> list[Hash]:
    try:
        return director.rows("/deployment_configs", {"deployment[]": name})
    except ApiError as error:
        # Old directors have no such route; the rest is worth showing without it.
        if error.status != 404:
            raise
        return []
