"""Run the demo from nothing to an address that answers, saying what is done and how long it took."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import house
from lab import record as lab_record
from lab.demo import command, memory, parts
from lab.demo.command import API_PORT
from lab.demo.record import TREE, Record
from lab.demo.site import write_site
from lab.demo.tell import Telling
from lab.errors import LabError
from lab.house import Lab

if TYPE_CHECKING:
    from stemcells.build import Built

STEMCELL = "debian-12"
CLOUD_CONFIG = TREE / "manifests/local/cloud-config.yml"


@dataclass(frozen=True)
class Deployed:
    """What a demo ends with: the address that answers, and what to say about it."""

    address: str
    words: Callable[[str], str]
    """The farewell, given the sentence on time and memory."""


@dataclass(frozen=True)
class Demo:
    """What is deployed once a director runs: what to upload, then the deployment itself, in its own phases."""

    phases: int
    upload: Callable[[Record, Telling], None]
    deploy: Callable[[Record, Lab, Telling], Deployed]


def run(directory: Path, json_file: Path | None, demo: Demo) -> None:
    """The whole demo; everything is kept running for the user to look at."""
    begin = time.monotonic()
    record = Record.read(directory)
    tell = Telling(phases=4 + demo.phases)
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
        with tell.doing("stemcell"):
            command.run(record, "upload-stemcell", str(stemcell))
        demo.upload(record, tell)
        with tell.doing("cloud config"):
            command.run(record, "update-cloud-config", str(CLOUD_CONFIG))
    deployed = demo.deploy(record, lab, tell)
    seconds = round(time.monotonic() - begin, 1)
    director, agents = memory.of_director(record), memory.of_agents(lab.record)
    if json_file is not None:
        facts = {"address": deployed.address, "seconds": seconds, "director_kib": director, "agents_kib": agents}
        json_file.write_text(json.dumps({**facts, "phases": tell.seconds}, indent=2) + "\n")
    megabytes = ", ".join(f"{one / 1024:.0f} MB" for one in agents) or "not seen"
    words = f"Running after {seconds} s. Memory: director {director / 1024:.0f} MB; agents {megabytes}."
    print(deployed.words(words))


def deploy(record: Record, name: str, manifest: Path, *options: str, tell: Telling, shown: str) -> None:
    """``meristem deploy``, shown as it goes; after a lost lab with ``--fix``."""
    fix = ["--fix"] if record.lost else []
    tell.remark(" ".join(["$ meristem -d", name, "deploy", *fix, shown]))
    command.show(record, "-d", name, "deploy", *fix, str(manifest), *options, after="Plan:")
    record.lost = False
    record.save()


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


def write_environment(record: Record, port: int) -> None:
    """A file to source, for the CLI by hand."""
    path = record.directory / "env"
    path.touch(mode=0o600)
    lines = [f"export {name}={value}" for name, value in command.environment(record, f"127.0.0.1:{port}").items()]
    path.write_text("\n".join([*lines, f"export PATH={TREE / '.venv/bin'}:$PATH"]) + "\n")
