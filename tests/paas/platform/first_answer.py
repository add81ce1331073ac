"""``python -m tests.paas.platform.first_answer GUID HOST ROUTER TIMES``: inside the lab, as who is logged in; prints JSON.

An app is stopped, and once its route has gone started again: the seconds from before the request to start it to the first answer of an instance.
"""

from __future__ import annotations

import json
import sys
import time

import httpx2
from paas.client.session import Session

PAUSE = 0.005
PATIENCE = 120


def main(arguments: list[str]) -> int:
    """Start it so many times."""
    guid, host, router, times = arguments
    session = Session.load()
    seconds: list[float] = []
    with httpx2.Client(base_url=f"http://{router}", headers={"Host": host}, timeout=PATIENCE) as client:
        for _ in range(int(times)):
            session.api.post(f"/v3/apps/{guid}/actions/stop")
            until(client, 404)
            begin = time.monotonic()
            session.api.post(f"/v3/apps/{guid}/actions/start")
            until(client, 200)
            seconds.append(round(time.monotonic() - begin, 3))
    session.close()
    print(json.dumps(seconds))
    return 0


def until(client: httpx2.Client, status: int) -> None:
    """Ask until the answer has this status."""
    deadline = time.monotonic() + PATIENCE
    while (told := client.get("/").status_code) != status:
        if time.monotonic() > deadline:
            raise SystemExit(f"the app answers {told}, not {status}")
        time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
