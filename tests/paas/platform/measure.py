"""``python -m tests.paas.platform.measure [FILE]``: on a platform of its own, how long a start takes, and how many instances a DEA holds. By hand, as root.

- from the request to start an app, whose droplet the DEA has, to the first answer through the router: median of twenty;
- instances of 32 MB on one DEA, asked for until one does not come up, and what held it back.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lab.demo.record import TREE
from tests.e2e.lab.site import build_site
from tests.paas.platform.platform_site import APPS, ROUTER, Platform

STARTS = 20
STEP = 16
STATIC = TREE / "releases/paas/src/acceptance/apps/static"


def main(arguments: list[str]) -> int:
    """Measure, and print or write JSON."""
    site = build_site()
    try:
        site.api.upload_stemcell(site.build_stemcell("1.0"))
        platform = Platform(site, ops=())
        platform.upload()
        platform.deploy()
        site.cli("-d", "paas", "run-errand", "push_buildpacks")
        platform.log_in("measures")
        found = {"starts": starts(platform), "instances": instances(platform)}
    finally:
        site.down()
    text = json.dumps(found, indent=2)
    if arguments:
        Path(arguments[0]).write_text(text + "\n")
    print(text)
    return 0


def starts(platform: Platform) -> dict[str, object]:
    """Seconds of each start, from the request to the first answer."""
    platform.paas("push", "start", "-p", str(STATIC), "-m", "32M", "-k", "64M")
    command = [
        sys.executable,
        "-m",
        "tests.paas.platform.first_answer",
        _guid(platform),
        f"start.{APPS}",
        ROUTER,
        str(STARTS),
    ]
    done = subprocess.run(
        platform.site.lab.command(command), env=platform.environment(), cwd=TREE, stdout=subprocess.PIPE, check=True
    )
    seconds: list[float] = json.loads(done.stdout)
    return {"median": round(statistics.median(seconds), 3), "all": seconds}


def instances(platform: Platform) -> dict[str, object]:
    """How many run at the most, and what the platform says of the next."""
    wanted, running = 1, 1
    while True:
        wanted += STEP
        platform.paas("scale", "start", "-i", str(wanted))
        deadline = time.monotonic() + 120
        while running < wanted and time.monotonic() < deadline:
            told = json.loads(platform.paas("curl", f"/v3/processes/{_guid(platform)}/stats"))
            running = sum(one["state"] == "RUNNING" for one in told["resources"])
        if running < wanted:
            return {"running": running, "wanted": wanted, "events": platform.paas("events", "start")[:2000]}


def _guid(platform: Platform) -> str:
    """Of the app, and of its web process."""
    return platform.paas("app", "start", "--guid").strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
