"""The demo of the PaaS: the whole platform on two VMs, and an app that is pushed to it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import yaml

from lab.demo import command, parts
from lab.demo.greeter import ask
from lab.demo.record import TREE, Record, default_directory
from lab.demo.run import Demo, Deployed, deploy
from lab.demo.tell import Telling, shown
from lab.errors import LabError
from lab.house import Lab
from lab.platform.release import build_release

NAME = "paas"
ROUTER = "10.77.0.10"
HTTP, HTTPS = 8080, 8443
SYSTEM, APPS = "sys.localhost", "apps.localhost"
"""Browsers and curl take every name below ``localhost`` for this machine: no name server is needed."""
SECRETS = "paas-secrets.yml"
"""Passwords and certificates, made at the first deploy."""
MANIFEST = TREE / "manifests/paas/small.yml"
SAMPLE = TREE / "releases/paas/samples/hello"
ERRANDS = {"push_buildpacks": "buildpacks", "register_brokers": "service brokers"}


def _upload(record: Record, tell: Telling) -> None:
    tarball, mark = record.directory / "paas-release.tgz", record.directory / "paas-release.mark"
    now = _sources_mark()
    if not (tarball.is_file() and mark.is_file() and mark.read_text() == now):
        tell.remark("the PaaS release: engines, stack and packages come from the cache, or are fetched now")
        version = f"0.{_newest() // 1_000_000_000}"
        build_release(tarball, version, lambda *words: command.run(record, *words), tell.remark)
        mark.write_text(now)
    with tell.doing("PaaS release"):
        command.run(record, "upload-release", str(tarball))


def _deploy(record: Record, lab: Lab, tell: Telling) -> Deployed:
    with tell.phase("deployment", "The platform: what is going to be done and why, then doing it"):
        values = _values(record)
        options = ["-l", str(values), "--vars-store", str(record.directory / SECRETS)]
        deploy(record, NAME, MANIFEST, *options, tell=tell, shown=" ".join([shown(MANIFEST), *options]))
        http = parts.forward(record, lab, "web", HTTP, ROUTER, 80)
        https = parts.forward(record, lab, "platform", HTTPS, ROUTER, 443)
    with tell.phase("errands", "What the platform begins with"):
        for errand, text in ERRANDS.items():
            with tell.doing(text):
                command.run(record, "-d", NAME, "run-errand", errand, "--when-changed")
    with tell.phase("app", "An app: pushed, staged, started, routed"):
        _write_ca(record)
        for words in (
            ["target", f"https://api.{SYSTEM}"],
            ["login"],
            ["create-org", "demo"],
            ["create-space", "demo", "-o", "demo"],
            ["target", "-o", "demo", "-s", "demo"],
        ):
            _paas(record, https, words)
        tell.remark(f"$ paas push -f {shown(SAMPLE)} -p {shown(SAMPLE)}")
        tell.remark(_paas(record, https, ["push", "-f", str(SAMPLE), "-p", str(SAMPLE)]).strip())
        address = f"hello.{APPS}:{http}"
        tell.remark(f"$ curl http://{address}\n{ask(f'127.0.0.1:{http}', address).strip()}")
    write_environment(record, https)
    return Deployed(f"http://{address}", lambda words: farewell(f"http://{address}", record, words))


PLATFORM = Demo(phases=3, upload=_upload, deploy=_deploy)


def _sources_mark() -> str:
    """Changes whenever the release's sources or its blobs' recipes do."""
    return f"{TREE} {len(_sources())} {_newest()}"


def _newest() -> int:
    return max(path.stat().st_mtime_ns for path in _sources())


def _sources() -> list[Path]:
    rooms = (TREE / "releases/paas", TREE / "lab/blobs")
    return [path for room in rooms for path in room.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _values(record: Record) -> Path:
    """The values of this demo for the manifest's placeholders."""
    path = record.directory / "paas-values.yml"
    if not path.exists():
        path.touch(mode=0o600)
        values = {
            "control_ip": ROUTER,
            "system_domain": SYSTEM,
            "apps_domain": APPS,
            "admin_password": secrets.token_urlsafe(12),
        }
        path.write_text(yaml.safe_dump(values))
    return path


def _password(record: Record) -> str:
    return str(yaml.safe_load(_values(record).read_text())["admin_password"])


def _write_ca(record: Record) -> None:
    """The certificate of the platform's own authority."""
    made = yaml.safe_load((record.directory / SECRETS).read_text())
    (record.directory / "paas-ca.pem").write_text(made["paas_ca"]["ca"])


def _paas(record: Record, port: int, words: list[str]) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("paas")), *words],
        # not as an argument: everybody may see those
        env={
            **os.environ,
            **_environment(record, port),
            "PAAS_USERNAME": "admin",
            "PAAS_PASSWORD": _password(record),
        },
        check=False,
        text=True,
        capture_output=True,
    )
    if done.returncode != 0:
        raise LabError(f"paas {words[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _environment(record: Record, port: int) -> dict[str, str]:
    return {
        "PAAS_HOME": str(record.directory / "paas-home"),
        "PAAS_CONNECT": f"127.0.0.1:{port}",
        "PAAS_CA": str(record.directory / "paas-ca.pem"),
    }


def write_environment(record: Record, port: int) -> None:
    """Add to the file to source what leads `paas` here."""
    path = record.directory / "env"
    with path.open("a") as file:
        file.writelines(f"export {name}={value}\n" for name, value in _environment(record, port).items())


def farewell(address: str, record: Record, words: str) -> str:
    """Where it answers, what to try, how to remove it. Every line works as it stands, one after the other."""
    demo = shown(TREE / "bin/demo")
    demo += "" if record.directory == default_directory() else f" --dir {record.directory}"
    return f"""
{words}

  open      {address}
            curl {address}

  try       source {record.directory / "env"}
            paas apps
            paas scale hello -i 4
            paas logs hello --recent
            meristem -d {NAME} instances --ps

  remove    {demo} --down
"""
