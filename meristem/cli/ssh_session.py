"""Shells and commands on instances: a throw-away user and key by the director, then SSH straight to the instance."""

from __future__ import annotations

import base64
import io
import json
import secrets
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.slug import InstanceSlug
from meristem.cli.table import Table
from meristem.cli.task_follow import follow_quietly
from meristem.formats.values import Hash, Value, as_value, hashes

_CONNECT_SECONDS = 20.0


@dataclass(frozen=True)
class Host:
    """Where one instance answers and the host key the agent told the director."""

    instance: str
    address: str
    host_key: str


@dataclass(frozen=True)
class Outcome:
    """What a command did on one instance."""

    instance: str
    status: int
    out: str
    err: str


def run(session: Session, deployment: str, target: InstanceSlug, command: str, *, collect: bool = False) -> None:
    """Runs a command on every matching instance at once; output is prefixed by instance, or collected in a table."""
    width = max(session.settings.parallel, 1)
    with _access(session, deployment, target) as (user, key, hosts), ThreadPoolExecutor(max_workers=width) as pool:
        outcomes = list(pool.map(lambda host: _run_one(session, host, user, key, command, quiet=collect), hosts))
    if collect:
        rows = [[item.instance, item.out, item.err, str(item.status), ""] for item in outcomes]
        session.screen.table(Table("results", ["Instance", "Stdout", "Stderr", "Exit Code", "Error"], rows))
    failed = [item for item in outcomes if item.status != 0]
    if failed:
        told = ", ".join(f"{item.instance} (exit {item.status})" for item in failed)
        raise CliError(f"The command failed on {told}.")


def shell(session: Session, deployment: str, target: InstanceSlug) -> None:
    """An interactive shell on the one matching instance."""
    from meristem.cli.terminal_shell import attach

    with _access(session, deployment, target) as (user, key, hosts):
        if len(hosts) != 1:
            names = ", ".join(host.instance for host in hosts)
            raise CliError(
                f"Interactive SSH only works for a single host; found {names}.", "Give group/id, or -c COMMAND."
            )
        client = _connect(hosts[0], user, key)
        try:
            attach(client)
        finally:
            client.close()


@contextmanager
def _access(
    session: Session, deployment: str, target: InstanceSlug
) -> Generator[tuple[str, paramiko.PKey, list[Host]]]:
    user = "bosh_" + secrets.token_hex(8)[:15]
    pair = ed25519.Ed25519PrivateKey.generate()
    public = pair.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    key = _pkey(pair)
    path = f"/deployments/{escaped(deployment)}/ssh"
    director = session.director()
    setup: Hash = {"user": user, "public_key": public.decode()}
    task = director.start("POST", path, body=_request(deployment, target, "setup", setup))
    try:
        hosts = _hosts(follow_quietly(session, task))
        if not hosts:
            raise CliError("No instance matches.", "See `instances`.")
        yield user, key, hosts
    finally:
        cleanup: Hash = {"user_regex": "^" + user}
        # Nobody waits for the clean-up: its task runs on at the director.
        director.start("POST", path, body=_request(deployment, target, "cleanup", cleanup))


def _request(deployment: str, target: InstanceSlug, command: str, parameters: Hash) -> Hash:
    by_index = target.instance.isdigit()
    ids: list[Value] = [target.instance] if target.one and not by_index else []
    indexes: list[Value] = [int(target.instance)] if by_index else []
    where: Hash = {"ids": ids, "indexes": indexes}
    if target.group != "*":
        where["job"] = target.group
    return {"deployment_name": deployment, "target": where, "command": command, "params": parameters}


def _hosts(output: str) -> list[Host]:
    lines = [as_value(json.loads(line)) for line in output.splitlines() if line.strip()]
    found = [row for line in lines for row in hashes(line)]
    bad = [row for row in found if row.get("status") != "success"]
    if bad:
        raise CliError(f"The agent of {text(bad[0].get('job'))}/{text(bad[0].get('id'))} did not set up SSH.")
    return [
        Host(
            f"{text(row.get('job'))}/{text(row.get('id')) or text(row.get('index'))}",
            text(row.get("ip")),
            text(row.get("host_public_key")),
        )
        for row in found
    ]


def _pkey(pair: ed25519.Ed25519PrivateKey) -> paramiko.PKey:
    pem = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return paramiko.Ed25519Key.from_private_key(io.StringIO(pem.decode()))


def _connect(host: Host, user: str, key: paramiko.PKey) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    words = host.host_key.split()
    if len(words) >= 2:
        known = paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1]))
        client.get_host_keys().add(host.address, words[0], known)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
    else:
        raise CliError(f"The agent of {host.instance} gave no host key.", "Without it the host cannot be trusted.")
    try:
        client.connect(
            host.address,
            username=user,
            pkey=key,
            timeout=_CONNECT_SECONDS,
            banner_timeout=_CONNECT_SECONDS,
            allow_agent=False,
            look_for_keys=False,
        )
    except (paramiko.SSHException, OSError) as error:
        client.close()
        raise CliError(
            f"Cannot reach {host.instance} at {host.address} by SSH: {error}",
            "The instance's network must be reachable from here.",
        ) from error
    return client


def _run_one(session: Session, host: Host, user: str, key: paramiko.PKey, command: str, *, quiet: bool) -> Outcome:
    try:
        client = _connect(host, user, key)
    except CliError as error:
        if not quiet:
            session.screen.error_line(f"{host.instance}: {error.message}")
        return Outcome(host.instance, 255, "", error.message)
    try:
        _, stdout, stderr = client.exec_command(command)
        kept: list[str] = []
        for line in stdout:
            kept.append(line)
            if not quiet:
                session.screen.block(f"{host.instance}: stdout | {line}")
        errors = stderr.read().decode("utf-8", "replace")
        if not quiet:
            for line in errors.splitlines():
                sys.stderr.write(f"{host.instance}: stderr | {line}\n")
        return Outcome(host.instance, stdout.channel.recv_exit_status(), "".join(kept), errors)
    finally:
        client.close()
