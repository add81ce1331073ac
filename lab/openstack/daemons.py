"""PostgreSQL and RabbitMQ of the lab: own directories, own ports, loopback only."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

from lab.errors import LabError
from lab.openstack.stack import PASSWORD, Stack

DATABASES = ("keystone", "glance", "placement", "nova_api", "nova", "nova_cell0", "neutron", "cinder")
RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def postgres_programs() -> Path | None:
    """Folder of the newest PostgreSQL server installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def rabbit_program() -> Path | None:
    """The server itself: the wrapper on the path wants to change the user."""
    return RABBIT if RABBIT.exists() else None


def await_port(port: int, seconds: float, what: str) -> None:
    """Until something listens."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise LabError(f"{what} does not listen on port {port} after {seconds:g} s")


def start_postgres(stack: Stack) -> None:
    """Start the server, made first where there is none, with a database for each service."""
    programs, data = postgres_programs(), stack.path("db")
    assert programs is not None
    user = _database_user()
    fresh = not (data / "PG_VERSION").exists()
    if fresh:
        _make_cluster(stack, programs, data, user)
    (data / "postmaster.pid").unlink(missing_ok=True)
    stack.spawn("db", [str(programs / "postgres"), "-D", str(data)], user=user)
    await_port(stack.port("db"), 60, "PostgreSQL")
    if fresh:
        for name in DATABASES:
            _make_database(stack, programs, name)


def start_rabbit(stack: Stack) -> None:
    """Start the broker with a port mapper of its own; it takes some seconds until it listens."""
    environment = stack.environment(
        RABBITMQ_NODENAME="meristem@localhost",
        RABBITMQ_CONFIG_FILE=str(stack.path("rabbit/rabbitmq.conf")),
        RABBITMQ_MNESIA_BASE=str(stack.path("rabbit/mnesia")),
        RABBITMQ_LOG_BASE=str(stack.path("log")),
        RABBITMQ_ENABLED_PLUGINS_FILE=str(stack.path("rabbit/enabled_plugins")),
        RABBITMQ_CONF_ENV_FILE="/dev/null",
        RABBITMQ_DIST_PORT=str(stack.port("rabbitdist")),
        ERL_EPMD_PORT=str(stack.port("epmd")),
        ERL_EPMD_ADDRESS="127.0.0.1",
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
    )
    mapper = ["epmd", "-address", "127.0.0.1", "-port", str(stack.port("epmd")), "-relaxed_command_check"]
    stack.spawn("epmd", mapper, environment=environment)
    await_port(stack.port("epmd"), 20, "epmd")
    stack.spawn("rabbit", [str(RABBIT)], environment=environment)


def _database_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _make_cluster(stack: Stack, programs: Path, data: Path, user: str | None) -> None:
    data.mkdir(parents=True, exist_ok=True)
    stack.directory.chmod(0o755)
    account = pwd.getpwnam(user) if user else None
    if account:
        shutil.chown(data, account.pw_uid, account.pw_gid)
    password = stack.path("dbpw")
    password.write_text(PASSWORD + "\n")
    password.chmod(0o644)
    done = subprocess.run(
        [str(programs / "initdb"), "-D", str(data), "-U", "os", "-E", "UTF8", "--locale=C.UTF-8",
         "-A", "scram-sha-256", "--no-sync", f"--pwfile={password}"],
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"initdb in {data}: {done.stderr.strip()}")
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(
            "fsync=off\nsynchronous_commit=off\nfull_page_writes=off\nshared_buffers=64MB\nmax_connections=300\n"
            f"listen_addresses='127.0.0.1'\nport={stack.port('db')}\nunix_socket_directories=''\n"
            "max_wal_size=256MB\nmin_wal_size=32MB\nautovacuum_naptime=5min\njit=off\n"
        )


def _make_database(stack: Stack, programs: Path, name: str) -> None:
    command = [str(programs / "psql"), "-h", "127.0.0.1", "-p", str(stack.port("db")), "-U", "os",
               "-d", "template1", "-qc", f"create database {name}"]  # fmt: skip
    words = ""
    for _ in range(50):
        done = subprocess.run(
            command, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False
        )
        if done.returncode == 0 or "already exists" in done.stderr:
            return
        words = done.stderr.strip()
        time.sleep(0.2)
    raise LabError(f"database {name}: {words}")
