"""Shells and commands on instances: a throw-away user and key by the director, then SSH to the instance."""

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


@dataclass(frozen=True)
class Route:
    """How instances are reached: their SSH port, and a gateway host with its user and key, if any."""

    port: int = 22
    gateway: str = ""
    gateway_user: str = ""
    gateway_key: str = ""


@dataclass(frozen=True)
class Access:
    """A throw-away user on some instances."""

    user: str
    key: paramiko.PKey
    hosts: list[Host]
    route: Route

    def connect(self, host: Host) -> paramiko.SSHClient:
        """A connection whose host key was checked; CliError if it cannot be made."""
        return _connect(host, self)


def run(
    session: Session, deployment: str, target: InstanceSlug, route: Route, command: str, *, collect: bool = False
) -> None:
    """Runs a command on every matching instance at once; output is prefixed by instance, or collected in a table."""
    width = max(session.settings.parallel, 1)
    with access(session, deployment, target, route) as granted, ThreadPoolExecutor(max_workers=width) as pool:
        outcomes = list(pool.map(lambda host: _run_one(session, host, granted, command, quiet=collect), granted.hosts))
    if collect:
        rows = [[item.instance, item.out, item.err, str(item.status), ""] for item in outcomes]
        session.screen.table(Table("results", ["Instance", "Stdout", "Stderr", "Exit Code", "Error"], rows))
    failed = [item for item in outcomes if item.status != 0]
    if failed:
        told = ", ".join(f"{item.instance} (exit {item.status})" for item in failed)
        raise CliError(f"The command failed on {told}.")


def shell(session: Session, deployment: str, target: InstanceSlug, route: Route) -> None:
    """An interactive shell on the one matching instance."""
    from meristem.cli.terminal_shell import attach

    with access(session, deployment, target, route) as granted:
        if len(granted.hosts) != 1:
            names = ", ".join(host.instance for host in granted.hosts)
            raise CliError(
                f"Interactive SSH only works for a single host; found {names}.", "Give group/id, or -c COMMAND."
            )
        client = granted.connect(granted.hosts[0])
        try:
            attach(client)
        finally:
            client.close()


@contextmanager
def access(session: Session, deployment: str, target: InstanceSlug, route: Route) -> Generator[Access]:
    """Sets a throw-away user up on the matching instances and removes it when the block ends."""
    user = "bosh_" + secrets.token_hex(8)[:15]
    pair = ed25519.Ed25519PrivateKey.generate()
    public = pair.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path = f"/deployments/{escaped(deployment)}/ssh"
    director = session.director()
    setup: Hash = {"user": user, "public_key": public.decode()}
    task = director.start("POST", path, body=_request(deployment, target, "setup", setup))
    try:
        hosts = _hosts(follow_quietly(session, task))
        if not hosts:
            raise CliError("No instance matches.", "See `instances`.")
        yield Access(user, _pkey(pair), hosts, route)
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


def _connect(host: Host, granted: Access) -> paramiko.SSHClient:
    words = host.host_key.split()
    if len(words) < 2:
        raise CliError(f"The agent of {host.instance} gave no host key.", "Without it the host cannot be trusted.")
    client = paramiko.SSHClient()
    port = granted.route.port
    name = host.address if port == 22 else f"[{host.address}]:{port}"
    known = paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1]))
    client.get_host_keys().add(name, words[0], known)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        client.connect(
            host.address,
            port,
            username=granted.user,
            pkey=granted.key,
            timeout=_CONNECT_SECONDS,
            banner_timeout=_CONNECT_SECONDS,
            allow_agent=False,
            look_for_keys=False,
            sock=_through_gateway(granted.route, host.address, port) if granted.route.gateway else None,
        )
    except (paramiko.SSHException, OSError) as error:
        client.close()
        raise CliError(
            f"Cannot reach {host.instance} at {host.address} by SSH: {error}",
            "The instance's network must be reachable from here; else give --gw-host, --gw-user, --gw-private-key.",
        ) from error
    return client


def _through_gateway(route: Route, address: str, port: int) -> paramiko.Channel:
    gateway = paramiko.SSHClient()
    gateway.load_system_host_keys()
    gateway.connect(
        route.gateway,
        username=route.gateway_user or None,
        key_filename=route.gateway_key or None,
        timeout=_CONNECT_SECONDS,
    )
    transport = gateway.get_transport()
    if transport is None:
        raise paramiko.SSHException(f"the gateway {route.gateway} closed the connection")
    return transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0))


def _run_one(session: Session, host: Host, granted: Access, command: str, *, quiet: bool) -> Outcome:
    try:
        client = granted.connect(host)
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
        status = stdout.channel.recv_exit_status()
        if status < 0:
            raise EOFError("no exit status came")
        return Outcome(host.instance, status, "".join(kept), errors)
    except (paramiko.SSHException, OSError, EOFError) as error:
        message = f"The SSH connection ended before the command did: {error or type(error).__name__}"
        if not quiet:
            session.screen.error_line(f"{host.instance}: {message}")
        return Outcome(host.instance, 255, "", message)
    finally:
        client.close()
