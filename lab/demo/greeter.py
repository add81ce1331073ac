"""The first demo: a web front and a store on two VMs, which a link wires together."""

from __future__ import annotations

import http.client
import json
import shutil
from pathlib import Path

from lab.demo import command, parts
from lab.demo.record import NAME, TREE, Record
from lab.demo.run import Demo, Deployed, deploy
from lab.demo.tell import Telling, farewell, shown
from lab.errors import LabError
from lab.house import Lab

WEB_PORT = 8080
MANIFESTS = TREE / "manifests/local"


def _upload(record: Record, tell: Telling) -> None:
    with tell.doing("release"):
        command.run(record, "upload-release", str(_build_release(record)))


def _deploy(record: Record, lab: Lab, tell: Telling) -> Deployed:
    with tell.phase("deployment", "The deployment: what is going to be done and why, then doing it"):
        manifest = MANIFESTS / "demo.yml"
        deploy(record, NAME, manifest, tell=tell, shown=shown(manifest))
        address = _open_web(record, lab)
        tell.remark(f"$ curl http://{address}\n{ask(address).strip()}")
    return Deployed(f"http://{address}", lambda words: farewell(f"http://{address}", record.directory, TREE, words))


GREETER = Demo(phases=1, upload=_upload, deploy=_deploy)


def _build_release(record: Record) -> Path:
    """The demo release, built in a copy, so that the checkout stays as it is."""
    work = record.directory / "release"
    shutil.copytree(TREE / "releases/demo", work, dirs_exist_ok=True)
    out = record.directory / "demo-release.tgz"
    command.run(record, "create-release", "--dir", str(work), "--force", "--tarball", str(out))
    return out


def _open_web(record: Record, lab: Lab) -> str:
    """The web front's address on 127.0.0.1."""
    table = json.loads(command.run(record, "-d", NAME, "instances", "--json"))
    rows = table["Tables"][0]["Rows"]
    found = next((row["ips"] for row in rows if row["instance"].startswith("web/")), None)
    if not found:
        raise LabError("the deployment has no web instance")
    port = parts.forward(record, lab, "web", WEB_PORT, found.split()[0], WEB_PORT)
    return f"127.0.0.1:{port}"


def ask(address: str, host: str = "") -> str:
    """GET / at ADDRESS:PORT, by the name `host`."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": host} if host else {})
        reply = connection.getresponse()
        text = reply.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"http://{address}/ does not answer: {error}") from None
    finally:
        connection.close()
    if reply.status != 200:
        raise LabError(f"http://{address}/ answered {reply.status}: {text.strip()[:200]}")
    return text
