"""`export-release`: compiled for a stemcell, downloaded and checked."""

from __future__ import annotations

import json
import time
from pathlib import Path

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.slug import name_and_version
from meristem.cli.task_follow import follow, result
from meristem.cli.verb import argument, command, option
from meristem.formats import digests
from meristem.formats.values import Hash, as_value, is_hash


@command(
    "export-release",
    argument("release"),
    argument("stemcell", metavar="OS/VERSION"),
    option("--dir", "directory", default=".", help="Where to put the archive."),
    option("--job", "jobs", multiple=True, help="Only these jobs."),
)
def COMMAND(session: Session, release: str, stemcell: str, directory: str, jobs: tuple[str, ...]) -> None:
    """Compile a release NAME/VERSION for a stemcell and download it."""
    name, version = name_and_version(release, "release")
    system, system_version = name_and_version(stemcell, "stemcell")
    deployment = session.deployment()
    director = session.director()
    body: Hash = {
        "deployment_name": deployment,
        "release_name": name,
        "release_version": version,
        "stemcell_os": system,
        "stemcell_version": system_version,
        "sha2": session.settings.sha2,
        "jobs": [{"name": job} for job in jobs],
    }
    task = director.start("POST", "/releases/export", body=body)
    follow(session, task)
    answer = as_value(json.loads(result(director, task) or "null"))
    if not is_hash(answer) or not answer.get("blobstore_id"):
        raise CliError("The task ended without an archive.", f"See: meristem task {task} --debug")
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    target = Path(directory) / f"{name}-{version}-{system}-{system_version}-{stamp}.tgz"
    director.download(f"/resources/{escaped(text(answer.get('blobstore_id')))}", target)
    digests.verify_file(target, text(answer.get("sha1")), place=str(target))
    session.screen.line(f"Exported to '{target}'")
