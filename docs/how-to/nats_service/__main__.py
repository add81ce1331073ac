"""A node of a service of one's own: each instance is a NATS server, each binding a user of it."""

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from paas.services.node.config import NodeConfig
from paas.services.node.process import run_node
from paas.services.node.service import Service, ServiceError
from paas.services.node.supervised import Supervised


class NatsConfig(NodeConfig, frozen=True, kw_only=True):
    server: str = "nats-server"
    first_port: int = 7400


class NatsService(Service):
    def __init__(self, config):
        self.config = config
        self.servers = {}

    def port(self, instance):
        return self.config.first_port + instance.number

    def place(self, instance):
        return Path(self.config.directory, "data", instance.name)

    def write(self, instance):
        own = {"user": "node", "password": instance.password}
        users = [{"user": one.username, "password": one.password} for one in instance.bindings.values()]
        settings = {
            "port": self.port(instance),
            "max_connections": instance.limit("max_connections", 20),
            "authorization": {"users": [own, *users]},
        }
        file = self.place(instance) / "nats.conf"
        file.touch(mode=0o600)
        file.write_text(json.dumps(settings))
        return file

    def server(self, instance):
        if instance.name not in self.servers:
            place = self.place(instance)
            self.servers[instance.name] = Supervised(
                name=f"nats {instance.name}",
                command=[self.config.server, "-c", str(place / "nats.conf")],
                mark=str(place / "nats.conf"),
                pid_file=place / "pid",
                log_file=place / "log",
                ready=lambda: self.enters(instance, "node", instance.password),
            )
        return self.servers[instance.name]

    async def enters(self, instance, user, password):
        login = json.dumps({"user": user, "pass": password, "verbose": False, "pedantic": False})
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port(instance))
            writer.write(f"CONNECT {login}\r\nPING\r\n".encode())
            await reader.readline()  # the server tells of itself first
            answer = await reader.readline()
            writer.close()
        except OSError:
            return False
        return answer == b"PONG\r\n"

    async def make(self, instance):
        self.place(instance).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.write(instance)
        await self.server(instance).up()
        return {"host": self.config.host, "port": self.port(instance)}

    async def remove(self, instance):
        await self.server(instance).down()
        del self.servers[instance.name]
        shutil.rmtree(self.place(instance), ignore_errors=True)

    async def start(self, instances):
        await asyncio.gather(*(self.make(one) for one in instances))

    async def stop(self):
        await asyncio.gather(*(server.down() for server in self.servers.values()))

    async def bind(self, instance, binding):
        await self.admit(instance, binding, True)
        host, port, user, password = self.config.host, self.port(instance), binding.username, binding.password
        uri = f"nats://{user}:{password}@{host}:{port}"
        return {"host": host, "port": port, "username": user, "password": password, "uri": uri}

    async def unbind(self, instance, binding):
        await self.admit(instance, binding, False)

    async def admit(self, instance, binding, wanted):
        self.write(instance)
        if (pid := self.server(instance).pid()) is None:
            raise ServiceError(f"the server of instance {instance.name} is away; it is being started again")
        os.kill(pid, signal.SIGHUP)
        for _ in range(500):
            if await self.enters(instance, binding.username, binding.password) == wanted:
                return
            await asyncio.sleep(0.02)
        raise ServiceError(f"the server of instance {instance.name} does not take its new users")


if __name__ == "__main__":
    sys.exit(run_node("messages", NatsConfig, NatsService))
