"""Run the demo from nothing to an answering web front, saying what is done and how long it took."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import house
from lab.demo import parts
from lab.demo.record import NAME, TREE, Record, resident
from lab.demo.site import API_PORT, write_site
from lab.errors import LabError
from lab.house import Lab

if TYPE_CHECKING:
    from stemcells.build import Built

WEB_PORT = 8080
STEMCELL = "debian-12"


@dataclass
class Report:
    """What ``--json`` writes: seconds by phase, the address, memory in KiB."""

    phases: dict[str, float] = field(default_factory=dict[str, float])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Say and time a phase."""
        print(f"\n== {name}", flush=True)
        begin = time.monotonic()
        yield
        self.phases[name] = round(time.monotonic() - begin, 1)
        print(f"== {name}: {self.phases[name]} s", flush=True)


def run(directory: Path, json_file: Path | None) -> None:
    """The whole demo; everything is kept running for the user to look at."""
    begin = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True)
    record = Record.read(directory)
    report = Report()
    with report.phase("a network namespace with a libvirtd of its own"):
        lab = house.up(record.lab, NAME)
    with report.phase("a stemcell: Debian 12 with our agent"):
        stemcell = build_stemcell(record)
    with report.phase("the director"):
        config = write_site(record, lab)
        parts.start_director(record, lab, config)
        port = parts.forward(record, lab, "api", API_PORT, lab.address, API_PORT)
        parts.await_api(record, port)
        write_environment(record, port)
    with report.phase("uploads"):
        parts.cli(record, "upload-stemcell", str(stemcell))
        parts.cli(record, "upload-release", str(build_release(record)))
        parts.cli(record, "update-cloud-config", str(TREE / "manifests/local/cloud-config.yml"))
    with report.phase("the deployment"):
        parts.cli(record, "-d", NAME, "deploy", str(TREE / "manifests/local/demo.yml"))
        parts.cli(record, "-d", NAME, "instances")
    with report.phase("the answer"):
        address = open_web(record, lab)
        answer = ask(address)
        print(answer.strip())
    report.facts = {
        "address": f"http://{address}/",
        "answer": answer.strip(),
        "seconds": round(time.monotonic() - begin, 1),
        "director_kib": resident(record.processes["director"].pid),
        "agents_kib": agents(lab),
    }
    if json_file is not None:
        json_file.write_text(json.dumps({"phases": report.phases, **report.facts}, indent=2) + "\n")
    say_farewell(record, report)


def build_stemcell(record: Record) -> Path:
    """From the cache when recipe and agent are as they were; another image gets the next version number."""
    from stemcells.build import build  # the builder is loaded only here

    def built_as(number: int) -> Built:
        return build(STEMCELL, out, version=f"1.{number}", say=lambda text: print(f"stemcell: {text}", flush=True))

    out = record.directory / f"stemcell-{STEMCELL}.tgz"
    built = built_as(record.stemcell_number)
    if record.stemcell_sha1 not in ("", built.image_sha1):
        record.stemcell_number += 1
        built = built_as(record.stemcell_number)
    record.stemcell_sha1 = built.image_sha1
    record.save()
    origin = ", from the cache" if built.cached else ""
    print(f"stemcell: {built.name}/{built.version}, {built.size / 1e6:.0f} MB{origin}")
    return out


def build_release(record: Record) -> Path:
    """The demo release, built in a copy, so that the checkout stays as it is."""
    work = record.directory / "release"
    shutil.copytree(TREE / "releases/demo", work, dirs_exist_ok=True)
    out = record.directory / "demo-release.tgz"
    parts.cli(record, "create-release", "--dir", str(work), "--force", "--tarball", str(out), show=False)
    return out


def open_web(record: Record, lab: Lab) -> str:
    """The web front's address on 127.0.0.1."""
    table = json.loads(parts.cli(record, "-d", NAME, "instances", "--json", show=False))
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
    except OSError as error:
        raise LabError(f"http://{address}/ does not answer: {error}") from None
    finally:
        connection.close()
    if reply.status != 200:
        raise LabError(f"http://{address}/ answered {reply.status}: {text.strip()[:200]}")
    return text


def agents(lab: Lab) -> list[int]:
    """Resident memory of the agents in the lab's VMs."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            groups = (path.parent / "cgroup").read_text()
        except OSError:
            continue
        if (
            any(word.endswith(b"meristem-agent.pyz") for word in words)
            and b"run" in words
            and lab.record.cgroup in groups
        ):
            found.append(resident(int(path.parent.name)))
    return sorted(found)


def write_environment(record: Record, port: int) -> Path:
    """A file to source, for the CLI by hand."""
    path = record.directory / "env"
    path.touch(mode=0o600)
    lines = [f"export {name}={value}" for name, value in parts.environment(record, port).items()]
    path.write_text("\n".join([*lines, f"export PATH={TREE / '.venv/bin'}:$PATH"]) + "\n")
    return path


def say_farewell(record: Record, report: Report) -> None:
    """Where it answers, what to try, how to remove it."""
    facts = report.facts
    memory = ", ".join(f"{one / 1024:.0f} MB" for one in facts["agents_kib"]) or "none seen"
    print(
        f"""
Running after {facts["seconds"]} s. The director uses {facts["director_kib"] / 1024:.0f} MB, the agents {memory}.

  open        {facts["address"]}     (curl {facts["address"]})

  try         source {record.directory / "env"}
              meristem -d demo instances --ps
              meristem -d demo deploy manifests/local/demo.yml -o manifests/local/ops/scale-web.yml
              meristem -d demo logs web

  remove      bin/demo --down
"""
    )
