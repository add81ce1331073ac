"""`deploy`: diff, plan, confirmation, then the task followed to its end."""

from __future__ import annotations

import json
from typing import Any

from meristem.cli import deploy_config, diff_view, manifest_releases, plan_view, template
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, flag, option
from meristem.formats import yaml_dump
from meristem.formats.values import is_hash, text_or_none


@command(
    "deploy",
    argument("path"),
    *template.options(),
    flag("--no-redact", help="Show secrets in the diff."),
    flag("--recreate", help="Recreate all VMs."),
    flag("--recreate-persistent-disks", help="Recreate all persistent disks."),
    option("--recreate-vms-created-before", metavar="RFC3339", help="Recreate only VMs older than this."),
    flag("--fix", help="Recreate unresponsive instances."),
    flag("--fix-releases", help="Re-upload releases, replacing corrupt parts."),
    option(
        "--skip-drain",
        multiple=True,
        is_flag=False,
        flag_value="*",
        metavar="[GROUP]",
        help="Skip drain for groups, or all.",
    ),
    flag("--skip-upload-releases", help="Do not upload releases with url."),
    option("--canaries", help="Override canaries."),
    option("--max-in-flight", help="Override max_in_flight."),
    flag("--dry-run", help="Render templates, change nothing."),
    flag("--force-latest-variables", help="Take the newest variable values."),
)
def COMMAND(session: Session, path: str, **given: Any) -> None:
    """Deploy or update from the manifest at PATH."""
    name = session.deployment()
    director = session.director()
    for word in deploy_config.flags_for(session, director, name):
        key = word.replace("-", "_")
        if key in ("fix_releases", "fix", "recreate", "recreate_persistent_disks", "skip_upload_releases"):
            given[key] = True
    text, document = template.evaluate_text(path, given)
    if document.get("name") != name:
        wrong = text_or_none(document.get("name")) or ""
        raise CliError(
            f"Expected manifest to specify deployment name '{name}' but was '{wrong}'", "Correct -d or the manifest."
        )
    if given["skip_upload_releases"]:
        session.screen.line("Release-Check skipped.")
    elif manifest_releases.upload(session, document, fix=given["fix_releases"]):
        text = yaml_dump.dump(document)
    base = f"/deployments/{escaped(name)}"
    answer = director.send_text("POST", f"{base}/diff", text, {"redact": "false" if given["no_redact"] else "true"})
    if not is_hash(answer):
        raise CliError("The director's reply to the diff is not an object.")
    problem = text_or_none(answer.get("error"))
    if problem:
        session.screen.error_line(f"No diff: {problem}")
    elif not diff_view.show(session, answer.get("diff")):
        session.screen.line("No changes in the manifest.")
    query = _query(given)
    plan = plan_view.fetch(session, name, text, query)
    if plan is not None:
        plan_view.show(session, plan, redact=not given["no_redact"])
    session.screen.confirm()
    context = answer.get("context")
    if context is not None:
        query["context"] = json.dumps(context)
    follow(session, director.start("POST", "/deployments", query, text=text))


def _query(given: dict[str, Any]) -> dict[str, str | None]:
    before = given["recreate_vms_created_before"]
    names = ("recreate_persistent_disks", "fix", "dry_run", "force_latest_variables")
    query: dict[str, str | None] = {name: "true" if given[name] else None for name in names}
    query["recreate"] = "true" if given["recreate"] or before else None
    query["recreate_vms_created_before"] = before
    skipped = given["skip_drain"]
    query["skip_drain"] = ("*" if "*" in skipped else ",".join(skipped)) or None
    query["canaries"], query["max_in_flight"] = given["canaries"], given["max_in_flight"]
    return query
