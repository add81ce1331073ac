"""One instance's Redis server: its directory, its configuration file, its users, its process."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
from pathlib import Path

from paas.services.node.instance import Binding, Instance
from paas.services.node.service import ServiceError
from paas.services.node.supervised import READY_SECONDS, Supervised
from paas.services.redis.config import RedisConfig
from paas.services.redis.resp import RedisError, Reply, ask

NODE_USER = "node"
APP_RIGHTS = ["~*", "&*", "+@all", "-@admin", "-migrate", "-module"]
"""All data and every command but those that reach the server's files, its configuration and other servers."""


class RedisServer:
    """`port` is the node's first plus the instance's number; `instance` as it is recorded now."""

    def __init__(self, config: RedisConfig, instance: Instance) -> None:
        self._config = config
        self.instance = instance
        self.port = config.first_port + instance.number
        if self.port > config.last_port:
            raise ServiceError(f"node {config.id} has no port left; raise last_port")
        self._directory = Path(config.directory, "data", instance.name)
        self._socket = self._directory / "s"
        logs = Path(config.log_directory) if config.log_directory else self._directory
        self._process = Supervised(
            name=f"redis {instance.name}",
            command=[
                "prlimit",
                f"--as={_address_space(instance.size)}",
                config.server,
                str(self._directory / "redis.conf"),
            ],
            mark=str(self._directory / "redis.conf"),
            pid_file=self._directory / "pid",
            log_file=logs / f"{instance.name}.log",
            ready=self._answers,
            user=config.user,
        )

    async def up(self, seconds: float = READY_SECONDS) -> None:
        """Write its files, start or adopt it; ServiceError where it does not serve after `seconds`."""
        if self._process.pid() is None:
            self._directory.mkdir(parents=True, mode=0o700, exist_ok=True)
            self._write("redis.conf", self._settings())
            self._write("users.acl", self._users())
        await self._process.up(seconds)

    async def down(self) -> None:
        """Stop it; what it holds is on the disk then."""
        await self._process.down()

    async def remove(self) -> None:
        """Stop it and remove its data."""
        self._process.stop_signal = signal.SIGKILL
        await self._process.down()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    async def admit(self, binding: Binding) -> None:
        """Let the binding's user in."""
        await self._ask(
            ["ACL", "SETUSER", binding.username, "reset", "on", f"#{_digest(binding.password)}", *APP_RIGHTS],
            ["ACL", "SAVE"],
        )

    async def dismiss(self, binding: Binding) -> None:
        """Let it in no more; its connections end with its user."""
        await self._ask(["ACL", "DELUSER", binding.username], ["ACL", "SAVE"])

    async def _answers(self) -> bool:
        try:
            return await self._ask(["PING"]) == ["PONG"]
        except (OSError, RedisError, asyncio.IncompleteReadError, TimeoutError):
            return False

    async def _ask(self, *commands: list[str]) -> list[Reply]:
        return await ask(self._socket, NODE_USER, self.instance.password, *commands)

    def _settings(self) -> str:
        config, instance = self._config, self.instance
        tls = bool(config.certificate)
        lines = [
            f"bind {config.bind}",
            f"port {0 if tls else self.port}",
            f"unixsocket {self._socket}",
            "unixsocketperm 700",
            "daemonize no",
            "set-proc-title no",
            f"dir {self._directory}",
            f"aclfile {self._directory / 'users.acl'}",
            f"maxmemory {instance.size}mb",
            f"maxmemory-policy {'allkeys-lru' if instance.limit('evict', 0) else 'noeviction'}",
            "maxmemory-clients 20%",
            f"maxclients {instance.limit('max_connections', 100)}",
            "databases 16",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "timeout 0",
            "tcp-keepalive 60",
            "enable-debug-command no",
            "enable-module-command no",
        ]
        if tls:
            lines += [
                f"tls-port {self.port}",
                f"tls-cert-file {config.certificate}",
                f"tls-key-file {config.key}",
                f"tls-ca-cert-file {config.ca}",
                "tls-auth-clients no",
            ]
        return "\n".join(lines) + "\n"

    def _users(self) -> str:
        """Passwords are there as digests only."""
        lines = ["user default off resetpass", f"user {NODE_USER} on #{_digest(self.instance.password)} ~* &* +@all"]
        lines += [
            f"user {one.username} on #{_digest(one.password)} {' '.join(APP_RIGHTS)}"
            for one in self.instance.bindings.values()
        ]
        return "\n".join(lines) + "\n"

    def _write(self, name: str, text: str) -> None:
        file = self._directory / name
        file.write_text(text)
        file.chmod(0o600)
        if self._config.user and os.geteuid() == 0:
            owner = pwd.getpwnam(self._config.user)
            for path in (self._directory, file):
                os.chown(path, owner.pw_uid, owner.pw_gid)


def _address_space(size: int) -> int:
    """Bytes. `maxmemory` does not hold within a script of the app: this does, and then the server starts afresh."""
    return (3 * size + 256) * 2**20


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
