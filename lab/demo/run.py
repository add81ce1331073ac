"""Run the demo from nothing to an answering web front, saying what is done and how long it took."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab import house
from lab import record as lab_record
from lab.demo import command, memory, parts
from lab.demo.command import API_PORT
from lab.demo.record import NAME, TREE, Record
from lab.demo.site import write_site
from lab.demo.tell import Telling, farewell, shown
from lab.errors import LabError
from lab.house import Lab

if TYPE_CHECKING:
    from stemcells.build import Built

WEB_PORT = 8080
STEMCELL = "debian-12"
MANIFESTS = TREE / "manifests/local"


def run(directory: Path, json_file: Path | None) -> None:
    """The whole demo; everything is kept running for the user to look at."""
    begin = time.monotonic()
    record = Record.read(directory)
    tell = Telling(phases=5)
    with (
        tell.phase("lab", "A lab: a network namespace with a bridge and a libvirtd of its own"),
        tell.doing("starting"),
    ):
        lab = bring_up(record)
    with tell.phase("stemcell", "A stemcell: Debian 12 with our agent"):
        stemcell = build_stemcell(record, tell)
    with tell.phase("director", "The director, in the lab"):
        start(record, lab, tell)
    with tell.phase("uploads", "Stemcell, release and cloud config"):
        upload(record, stemcell, tell)
    with tell.phase("deployment", "The deployment: what is going to be done and why, then doing it"):
        manifest = MANIFESTS / "demo.yml"
        options = ["--fix"] if record.lost else []
        tell.remark(" ".join(["$ meristem -d", NAME, "deploy", *options, shown(manifest)]))
        command.show(record, "-d", NAME, "deploy", *options, str(manifest), after="Plan:")
        record.lost = False
        record.save()
        address = open_web(record, lab)
        tell.remark(f"$ curl http://{address}\n{ask(address).strip()}")
    seconds = round(time.monotonic() - begin, 1)
    director, agents = memory.of_director(record), memory.of_agents(lab.record)
    if json_file is not None:
        facts = {"address": f"http://{address}", "seconds": seconds, "director_kib": director, "agents_kib": agents}
        json_file.write_text(json.dumps({**facts, "phases": tell.seconds}, indent=2) + "\n")
    megabytes = ", ".join(f"{one / 1024:.0f} MB" for one in agents) or "not seen"
    words = f"Running after {seconds} s. Memory: director {director / 1024:.0f} MB; agents {megabytes}."
    print(farewell(f"http://{address}", record.directory, TREE, words))


def bring_up(record: Record) -> Lab:
    """The lab; where one was lost with its VMs (the machine was off), that is noted."""
    before = lab_record.load(record.lab)
    lab = house.up(record.lab, record.lab_name)
    if record.state.exists() and (before is None or before.holder_pid != lab.record.holder_pid):
        record.lost = True
        record.save()
    return lab


def start(record: Record, lab: Lab, tell: Telling) -> None:
    """The director and the forwarder to its API, and a file of variables that lead to it."""
    with tell.doing("certificates and director.yml"):
        config = write_site(record, lab)
    with tell.doing("starting it"):
        parts.start_director(record, lab, config)
        port = parts.forward(record, lab, "api", API_PORT, lab.address, API_PORT)
        parts.await_api(record, port)
    tell.remark(f"answers at https://127.0.0.1:{port}")
    write_environment(record, port)


def upload(record: Record, stemcell: Path, tell: Telling) -> None:
    """Nothing is sent that the director has."""
    with tell.doing("stemcell"):
        command.run(record, "upload-stemcell", str(stemcell))
    with tell.doing("release"):
        command.run(record, "upload-release", str(build_release(record)))
    with tell.doing("cloud config"):
        command.run(record, "update-cloud-config", str(MANIFESTS / "cloud-config.yml"))


def build_stemcell(record: Record, tell: Telling) -> Path:
    """From the cache when recipe and agent are as they were; another image gets the next version number."""
    from stemcells.build import build  # the builder is loaded only here
    from stemcells.recipe import RecipeError

    def built_as(number: int) -> Built:
        try:
            return build(STEMCELL, out, version=f"1.{number}", say=tell.remark)
        except RecipeError as error:
            raise LabError(str(error)) from error

    out = record.directory / f"stemcell-{STEMCELL}.tgz"
    built = built_as(record.stemcell_number)
    if record.stemcell_sha1 not in ("", built.image_sha1):
        record.stemcell_number += 1
        built = built_as(record.stemcell_number)
    record.stemcell_sha1 = built.image_sha1
    record.save()
    origin = ", from the cache" if built.cached else ""
    tell.remark(f"{built.name}/{built.version}, {built.size / 1e6:.0f} MB{origin}")
    return out


def build_release(record: Record) -> Path:
    """The demo release, built in a copy, so that the checkout stays as it is."""
    work = record.directory / "release"
    shutil.copytree(TREE / "releases/demo", work, dirs_exist_ok=True)
    out = record.directory / "demo-release.tgz"
    command.run(record, "create-release", "--dir", str(work), "--force", "--tarball", str(out))
    return out


def open_web(record: Record, lab: Lab) -> str:
    """The web front's address on 127.0.0.1."""
    table = json.loads(command.run(record, "-d", NAME, "instances", "--json"))
    rows = table["Tables"][0]["Rows"]
    found = next((row["ips"] for row in rows if row["instance"].startswith("web/")), None)
    if not found:
        raise LabError("the deployment has no web instance")
    port = parts.forward(record, lab, "web", WEB_PORT, found.split()[0], WEB_PORT)
    return f"127.0.0.1:{port}"


def ask(address: str) -> str:
    """GET /."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/")
        reply = connection.getresponse()
        text = reply.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"http://{address}/ does not answer: {error}") from None
    finally:
        connection.close()
    if reply.status != 200:
        raise LabError(f"http://{address}/ answered {reply.status}: {text.strip()[:200]}")
    return text


def write_environment(record: Record, port: int) -> None:
    """A file to source, for the CLI by hand."""
    path = record.directory / "env"
    path.touch(mode=0o600)
    lines = [f"export {name}={value}" for name, value in command.environment(record, f"127.0.0.1:{port}").items()]
    path.write_text("\n".join([*lines, f"export PATH={TREE / '.venv/bin'}:$PATH"]) + "\n")
