"""WebSockets, answers that come in pieces, TLS on both sides, and the lines in the apps' logs."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from pathlib import Path

import httpx2
import websockets
from paas.bus.client import Bus, Message
from paas.messages.log import LogLines
from paas.router.config import Certificate
from websockets.asyncio.server import ServerConnection

from tests.e2e.loopback.certificates import Authority
from tests.paas.bus.nats_server import NatsServer
from tests.paas.router.backend import Backend, backends
from tests.paas.router.edge import PATIENCE, Edge, ask, connected, endpoint, routed, running


async def test_web_sockets(edge: Edge, bus: Bus) -> None:
    name = "ws.example.com"

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(f"{connection.request.path if connection.request else ''} {message!s}")

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        await routed(edge, bus, endpoint(server.sockets[0].getsockname()[1], name))
        nginx = edge.config.nginx
        async with websockets.connect(f"ws://{name}/chat?x=1", host="127.0.0.1", port=nginx.port) as socket:
            await socket.send("one")
            assert await asyncio.wait_for(socket.recv(), PATIENCE) == "/chat?x=1 one"
            # silent for longer than an ordinary request may take
            await asyncio.sleep(nginx.request_timeout + 0.5)
            await socket.send("late")
            assert await asyncio.wait_for(socket.recv(), PATIENCE) == "/chat?x=1 late"


async def test_pieces_of_an_answer_come_as_they_are_sent(edge: Edge, bus: Bus) -> None:
    name = "events.example.com"
    sent, got = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        await writer.drain()
        sent.set()
        await got.wait()  # the first is with the client before the second is sent
        writer.write(b"data: 2\n\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        await routed(edge, bus, endpoint(server.sockets[0].getsockname()[1], name))
        pieces: list[str] = []
        async with (
            httpx2.AsyncClient(timeout=PATIENCE) as client,
            client.stream("GET", edge.url, headers={"host": name}) as answer,
        ):
            async for piece in answer.aiter_text():
                pieces.append(piece)
                got.set()
    assert "".join(pieces) == "data: 1\n\ndata: 2\n\n"
    assert len(pieces) == 2


async def test_tls_on_both_sides(nats: NatsServer, own: Path) -> None:
    authority = Authority(own / "ca")
    certificate, key = authority.issue("edge", "*.tls.example.com", server=True)
    second, second_key = authority.issue("second", "one.other.example.com", server=True)
    edge = Edge.make(
        own / "e",
        nats.url,
        certificates=[
            Certificate(certificate=str(one), key=str(its)) for one, its in ((certificate, key), (second, second_key))
        ],
        ca=str(authority.certificate),
    )
    inner = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inner.load_cert_chain(*authority.issue("inner", "instance-1", server=True))
    one, other = Backend("secret"), Backend("other")
    await one.start(inner)
    await other.start(inner)
    try:
        with running(edge):
            async with connected(nats.url) as bus:
                common = {"tls_port": one.port, "private_instance_id": "i"}
                await routed(
                    edge,
                    bus,
                    endpoint(
                        0, "a.tls.example.com", "one.other.example.com", server_cert_domain_san="instance-1", **common
                    ),
                )
                trust = ssl.create_default_context(cafile=str(authority.certificate))
                tls_port = edge.config.nginx.tls_port
                for name in ("a.tls.example.com", "one.other.example.com"):
                    async with httpx2.AsyncClient(verify=trust, timeout=PATIENCE) as client:
                        answer = await client.get(
                            f"https://127.0.0.1:{tls_port}/", headers={"host": name}, extensions={"sni_hostname": name}
                        )
                        posted = await client.post(
                            f"https://127.0.0.1:{tls_port}/",
                            content=b"x",
                            headers={"host": name},
                            extensions={"sni_hostname": name},
                        )
                    assert answer.json()["name"] == "secret", answer.text
                    assert answer.json()["headers"]["x-forwarded-proto"] == "https"
                    assert posted.json()["size"] == 1
                # another name in the endpoint's certificate than was registered: it is not who it should be
                common["tls_port"] = other.port
                await routed(edge, bus, endpoint(0, "b.tls.example.com", server_cert_domain_san="instance-2", **common))
                wrong = await ask(edge, "b.tls.example.com")
                assert (wrong.status_code, wrong.headers["x-cf-routererror"]) == (502, "endpoint_failure")
                assert other.requests == 0
    finally:
        await one.stop()
        await other.stop()


async def test_an_app_finds_requests_in_its_log(edge: Edge, bus: Bus) -> None:
    name, app = "log.example.com", str(uuid.uuid4())
    heard: asyncio.Queue[LogLines] = asyncio.Queue()

    async def note(message: Message[LogLines]) -> None:
        await heard.put(message.body)

    await bus.subscribe(f"log.{app}", LogLines, note)
    async with backends("a") as [one]:
        await routed(edge, bus, endpoint(one.port, name, app=app, private_instance_id="i", private_instance_index="4"))
        agent = 'x"y\\ \u00fc'.encode()
        answer = await ask(edge, name, "/p?q=1", **{"user-agent": agent})
        lines = await asyncio.wait_for(heard.get(), PATIENCE)
        assert (lines.app, lines.source, lines.instance) == (app, "RTR", "0")
        [line] = lines.lines
        assert line.text.startswith(f"{name} - [")
        assert '"GET /p?q=1 HTTP/1.1" 200 ' in line.text
        assert r'"x\x22y\x5C \xC3\xBC"' in line.text
        assert f'"127.0.0.1:{one.port}"' in line.text
        assert f'vcap_request_id:"{answer.headers["x-vcap-request-id"]}"' in line.text
        assert f'app_id:"{app}" app_index:"4" instance_id:"i" x_cf_routererror:"-"' in line.text
    await ask(edge, name)
    [line] = (await asyncio.wait_for(heard.get(), PATIENCE)).lines
    assert " 502 " in line.text
    assert 'x_cf_routererror:"endpoint_failure"' in line.text
