"""`deploy`: diff, plan, confirmation, then the task followed to its end."""

from __future__ import annotations

import json
from typing import Any

from meristem.cli import deploy_config, diff_view, manifest_releases, plan_view, sealed_plan, template
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, flag, option
from meristem.formats import yaml_dump
from meristem.formats.values import Value, is_hash, text_or_none


@command(
    "deploy",
    argument("path"),
    *template.options(),
    flag("--no-redact", help="Show secrets in the diff."),
    flag("--recreate", help="Recreate all VMs."),
    flag("--recreate-persistent-disks", help="Recreate all persistent disks."),
    option("--recreate-vms-created-before", metavar="RFC3339", help="Recreate only VMs older than this."),
    flag("--fix", help="Recreate unresponsive instances."),
    flag("--keep-unreachable", help="Keep a new VM whose agent never speaks, to look at it."),
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
    flag("--dry-run", help="Plan and render templates, change nothing at all."),
    flag("--plan-only", help="Seal the plan for a later `apply`, change nothing at all."),
    option("--plan-file", metavar="PATH", help="With --plan-only: where the sealed plan goes (standard output)."),
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
    if given["plan_file"] and not given["plan_only"]:
        raise CliError("--plan-file is where --plan-only writes to.", "Give --plan-only too, or leave --plan-file out.")
    rehearsal = bool(given["dry_run"] or given["plan_only"])
    if given["skip_upload_releases"] or rehearsal:
        session.screen.line("Release-Check skipped.")
    elif manifest_releases.upload(session, document, fix=given["fix_releases"]):
        text = yaml_dump.dump(document)
    if given["plan_only"] and not given["plan_file"]:
        session.screen.block(sealed_plan.dump(sealed_plan.make(session, name, text, _planned(given))))
        return
    context = _show_diff(session, name, text, redact=not given["no_redact"])
    if rehearsal and _rehearse(session, name, text, given):
        return
    if not rehearsal:
        plan = plan_view.fetch(session, name, text, _planned(given))
        if plan is not None:
            plan_view.show(session, plan)
    session.screen.confirm()
    query = _query(given)
    if context is not None:
        query["context"] = json.dumps(context)
    follow(session, director.start("POST", "/deployments", query, text=text))


def _rehearse(session: Session, name: str, text: str, given: dict[str, Any]) -> bool:
    """Plan and nothing else. False from a stock director, which has a task for a dry run."""
    sealed = plan_view.sealed(session, name, text, _planned(given))
    if sealed is None:
        if given["plan_only"]:
            raise sealed_plan.none()
        return False
    plan_view.show(session, sealed_plan.plan_of(sealed))
    if given["plan_only"]:
        sealed_plan.write(session, given["plan_file"], sealed)
    else:
        session.screen.line("Dry run: nothing was changed.")
    return True


def _show_diff(session: Session, name: str, text: str, *, redact: bool) -> Value:
    """The diff of the manifests; the configs that it was made with."""
    query = {"redact": "true" if redact else "false"}
    answer = session.director().send_text("POST", f"/deployments/{escaped(name)}/diff", text, query)
    if not is_hash(answer):
        raise CliError("The director's reply to the diff is not an object.")
    problem = text_or_none(answer.get("error"))
    if problem:
        session.screen.error_line(f"No diff: {problem}")
    elif not diff_view.show(session, answer.get("diff")):
        session.screen.line("No changes in the manifest.")
    return answer.get("context")


def _planned(given: dict[str, Any]) -> dict[str, str | None]:
    """The query of a plan."""
    return _query(given) | {"redact": "false" if given["no_redact"] else None}


def _query(given: dict[str, Any]) -> dict[str, str | None]:
    before = given["recreate_vms_created_before"]
    names = ("recreate_persistent_disks", "fix", "dry_run", "force_latest_variables", "keep_unreachable")
    query: dict[str, str | None] = {name: "true" if given[name] else None for name in names}
    query["recreate"] = "true" if given["recreate"] or before else None
    query["recreate_vms_created_before"] = before
    skipped = given["skip_drain"]
    query["skip_drain"] = ("*" if "*" in skipped else ",".join(skipped)) or None
    query["canaries"], query["max_in_flight"] = given["canaries"], given["max_in_flight"]
    return query
