"""A real nats-server with mutual TLS and the protocol's users, and a director that talks over it."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import shutil
import socket
import ssl
import subprocess
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nats.aio.client import Client
from nats.aio.msg import Msg

from lab.ports import free_port

SERVER = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")


class Authority:
    """A certificate authority in memory."""

    def __init__(self, name: str = "lab-ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._cert = self._sign(self._name, self._key.public_key(), ca=True)
        self.pem = self._cert.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str, *, server: bool = False) -> tuple[str, str]:
        """Certificate and key in PEM, subject C=USA, O=Cloud Foundry, CN=name."""
        with warnings.catch_warnings():
            # The protocol's country has three letters, and an agent's name more than 64.
            warnings.simplefilter("ignore", UserWarning)
            subject = x509.Name(
                [
                    x509.NameAttribute(NameOID.COUNTRY_NAME, "USA", _validate=False),
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cloud Foundry"),
                    x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False),
                ]
            )
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(subject, key.public_key(), server=server)
        return (
            cert.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool = False, server: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if server:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


class NatsServer:
    """nats-server on loopback; users by certificate subject."""

    def __init__(self, folder: Path, authority: Authority, name: str = "default.nats.bosh-internal") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._users: list[tuple[str, list[str], list[str]]] = []
        self._process: subprocess.Popen[bytes] | None = None
        certificate, key = authority.issue(name, server=True)
        (folder / "ca.pem").write_text(authority.pem)
        (folder / "server.pem").write_text(certificate)
        (folder / "server.key").write_text(key)
        self.allow("default.director.bosh-internal", ["agent.*", "hm.director.alert"], ["director.>"])
        self.allow("default.hm.bosh-internal", [], ["hm.agent.>"])

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def allow(self, name: str, publish: list[str], subscribe: list[str]) -> None:
        self._users.append((name, publish, subscribe))
        self._write()

    def allow_agent(self, agent_id: str, name: str) -> None:
        """The rights of an agent whose certificate bears ``name``."""
        mine = [f"hm.agent.{kind}.{agent_id}" for kind in ("heartbeat", "alert", "shutdown")]
        self.allow(name, [*mine, f"director.*.{agent_id}.*"], [f"agent.{agent_id}"])

    def deny(self, name: str) -> None:
        self._users = [user for user in self._users if user[0] != name]
        self._write()

    def _write(self) -> None:
        users = ",\n".join(
            f'{{user: "CN={name},O=Cloud Foundry,C=USA", permissions: '
            f"{{publish: {json.dumps(publish)}, subscribe: {json.dumps(subscribe)}}}}}"
            for name, publish, subscribe in self._users
        )
        temporary = self.folder / "nats.conf.new"
        temporary.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'tls {{ cert_file: "{self.folder}/server.pem", key_file: "{self.folder}/server.key", '
            f'ca_file: "{self.folder}/ca.pem", verify_and_map: true, timeout: 5 }}\n'
            f"authorization {{ users: [{users}] }}\n"
        )
        temporary.replace(self.folder / "nats.conf")
        if self._process is not None:
            self._process.send_signal(1)

    def start(self) -> None:
        assert SERVER is not None
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen([SERVER, "-c", str(self.folder / "nats.conf")], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Director:
    """A director's side of the bus, and a monitor's."""

    def __init__(self, server: NatsServer, authority: Authority, agent_id: str) -> None:
        self._server = server
        self._authority = authority
        self._agent_id = agent_id
        self._id = str(uuid.uuid4())
        self._clients: list[Client] = []
        self._bus = Client()
        self._replies: dict[str, list[dict[str, Any]]] = {}
        self.heartbeats: list[dict[str, Any]] = []
        self.others: list[tuple[str, dict[str, Any]]] = []
        self.news = asyncio.Event()

    async def connect(self) -> None:
        async def on_reply(message: Msg) -> None:
            self._replies.setdefault(message.subject.rpartition(".")[2], []).append(json.loads(message.data))
            self.news.set()

        async def on_monitor(message: Msg) -> None:
            body = json.loads(message.data)
            if message.subject.startswith("hm.agent.heartbeat."):
                self.heartbeats.append(body)
            else:
                self.others.append((message.subject, body))
            self.news.set()

        self._bus = await self._client("default.director.bosh-internal")
        await self._bus.subscribe(f"director.{self._id}.>", cb=on_reply)
        monitor = await self._client("default.hm.bosh-internal")
        await monitor.subscribe("hm.agent.>", cb=on_monitor)
        await self._bus.flush()
        await monitor.flush()

    async def _client(self, name: str) -> Client:
        certificate, key = self._authority.issue(name)
        path = self._server.folder / f"{name}.pem"
        path.write_text(certificate + key)
        tls = ssl.create_default_context(cadata=self._authority.pem)
        tls.load_cert_chain(path)
        client = Client()
        await client.connect(self._server.url, tls=tls, reconnect_time_wait=0.1, max_reconnect_attempts=-1)  # pyright: ignore
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            await client.close()

    async def post(self, method: str, *arguments: Any, **extension: Any) -> str:
        """Send a request; its id."""
        request = str(uuid.uuid4())
        body: dict[str, Any] = {
            "protocol": 3,
            "method": method,
            "arguments": arguments,
            "reply_to": f"director.{self._id}.{self._agent_id}.{request}",
        }
        if extension:
            body["meristem"] = extension
        await self._bus.publish(f"agent.{self._agent_id}", json.dumps(body).encode())
        return request

    async def reply(self, request: str, number: int = 0, timeout: float = 30.0) -> dict[str, Any]:
        """Reply ``number`` to a request; number 1 is the pushed result."""
        await self.until(lambda: len(self._replies.get(request, [])) > number, timeout)
        return self._replies[request][number]

    async def raw(self, method: str, *arguments: Any, timeout: float = 30.0, **extension: Any) -> dict[str, Any]:
        return await self.reply(await self.post(method, *arguments, **extension), timeout=timeout)

    async def ask(self, method: str, *arguments: Any, **extension: Any) -> Any:
        answer = await self.raw(method, *arguments, **extension)
        assert "exception" not in answer, answer
        return answer["value"]

    async def until(self, true: Any, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while not true():
            left = deadline - time.monotonic()
            assert left > 0, "it did not happen in time"
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), min(left, 0.1))
            except TimeoutError:
                continue

    async def until_pong(self, timeout: float = 60.0) -> None:
        """The ping loop: a request that nobody hears is repeated."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if (await self.raw("ping", timeout=0.5)).get("value") == "pong":
                    return
            except AssertionError:
                continue
        raise AssertionError("the agent does not answer")

    async def end_of(self, task_id: str, timeout: float = 60.0) -> dict[str, Any]:
        """The last answer of get_task; asks again when the agent is away."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                answer = await self.raw("get_task", task_id, timeout=0.5)
            except AssertionError:
                continue
            value = answer.get("value")
            if not (isinstance(value, dict) and "agent_task_id" in value):
                return answer
            await asyncio.sleep(0.05)
        raise AssertionError("the task does not end")
