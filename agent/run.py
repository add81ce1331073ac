"""``run``: the agent itself. An event loop for the bus; threads for the blocking work of actions."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import zipfile

from agent.bus import tls
from agent.bus.alerts import MailListener, alert_from
from agent.bus.port import Bus
from agent.dispatch import Dispatcher, Reply
from agent.heartbeat import heartbeat
from agent.shapes import Json
from agent.supervise import monit_config
from agent.supervise.port import STARTING, UNKNOWN
from agent.vm import Vm

log = logging.getLogger(__name__)

_BEAT = 30.0
_GLANCE_UNSETTLED = 1.0
_GLANCE_SETTLED = 5.0
_SYNCHRONOUS_WIDTH = 4


class Agent:
    """Joins the bus, the dispatcher and the watch over job state."""

    def __init__(self, vm: Vm, mail_port: int | None) -> None:
        self._vm = vm
        self._mail_port = mail_port
        self._loop = asyncio.get_running_loop()
        self._threads = concurrent.futures.ThreadPoolExecutor(_SYNCHRONOUS_WIDTH, thread_name_prefix="requests")
        self._dispatcher = Dispatcher(vm, self._push, self._restart)
        self._connection = self._bus()
        self._wake = asyncio.Event()
        self._next_beat = 0.0
        self._pending: set[asyncio.Future[None]] = set()
        vm.announce = self._announce
        vm.state_may_have_changed = lambda: self._from_thread(self._wake.set)

    def _bus(self) -> Bus:
        settings = self._vm.settings
        if settings.bus_urls[0].startswith("https://"):
            from agent.bus.https import HttpsEndpoint

            return HttpsEndpoint(settings, self._reply, self._vm.layout.data / "blobs")
        from agent.bus.connection import Connection

        identity = tls.context(**settings.bus_certificate)
        return Connection(settings.bus_urls, identity, settings.agent_id, self._on_request, self._on_connect)

    def _reply(self, raw: bytes) -> bytes | None:
        reply = self._dispatcher.reply(raw)
        return None if reply is None else reply.payload

    async def run(self) -> None:
        """Until cancelled."""
        server = None
        if self._mail_port is not None:
            server = await MailListener(self._on_mail).serve(self._mail_port)
        self._dispatcher.start()
        try:
            await asyncio.gather(self._connection.run(), self._watch())
        finally:
            self._dispatcher.close()
            if server is not None:
                server.close()
            self._threads.shutdown(wait=False)

    async def _on_request(self, raw: bytes) -> None:
        # The bus delivers in order and waits for this; a slow action must not hold up the next ping.
        task = asyncio.ensure_future(self._answer(raw))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _answer(self, raw: bytes) -> None:
        reply = await self._loop.run_in_executor(self._threads, self._dispatcher.handle, raw)
        if reply is not None:
            await self._connection.publish(reply.subject, reply.payload)

    async def _on_connect(self) -> None:
        self._next_beat = 0.0
        self._wake.set()
        self._loop.run_in_executor(self._threads, self._dispatcher.tell_unpushed)

    def _push(self, reply: Reply) -> bool:
        """From a worker thread: publish, and tell whether the server took it."""
        sent = asyncio.run_coroutine_threadsafe(self._connection.publish(reply.subject, reply.payload), self._loop)
        try:
            return sent.result(timeout=15)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            return False

    def _announce(self, kind: str, body: Json) -> None:
        self._push(Reply(f"hm.agent.{kind}.{self._vm.settings.agent_id}", json.dumps(body).encode()))

    def _from_thread(self, action: object) -> None:
        if not self._loop.is_closed() and callable(action):
            self._loop.call_soon_threadsafe(action)

    async def _watch(self) -> None:
        """A heartbeat every 30 s, and at once when the job state changes."""
        last = ""
        while True:
            self._wake.clear()
            state = await self._in_thread_state()
            now = self._loop.time()
            if (state != last or now >= self._next_beat) and self._connection.connected:
                self._next_beat = now + _BEAT
                if await self._beat(state):
                    last = state
                else:
                    self._next_beat = 0.0
            unsettled = state in (STARTING, UNKNOWN) or state != last
            glance = _GLANCE_UNSETTLED if unsettled else min(_GLANCE_SETTLED, max(0.05, self._next_beat - now))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), glance)

    async def _in_thread_state(self) -> str:
        return await self._loop.run_in_executor(self._threads, lambda: self._vm.job_state)

    async def _beat(self, state: str) -> bool:
        body = await self._loop.run_in_executor(self._threads, heartbeat, self._vm, state)
        subject = f"hm.agent.heartbeat.{self._vm.settings.agent_id}"
        return await self._connection.publish(subject, json.dumps(body, separators=(",", ":")).encode())

    def _on_mail(self, mail: str) -> None:
        self._wake.set()
        alert = alert_from(mail, self._vm.settings.addresses)
        if alert is not None:
            subject = f"hm.agent.alert.{self._vm.settings.agent_id}"
            task = asyncio.ensure_future(self._tell(subject, json.dumps(alert).encode()))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _tell(self, subject: str, payload: bytes) -> None:
        await self._connection.publish(subject, payload)

    def _restart(self) -> None:
        """Replace this process by a new one of the same pid. Children that run on are found by their marks."""
        words = sys.argv[1:]
        start = [sys.argv[0]] if zipfile.is_zipfile(sys.argv[0]) else ["-m", "agent"]
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *start, *words])  # noqa: S606 (its own program)


def run(vm: Vm, mail_port: int | None) -> None:
    """Run the agent until TERM or INT."""
    for left in vm.layout.scratch.glob("blob-*") if vm.layout.scratch.is_dir() else ():
        shutil.rmtree(left, ignore_errors=True)
    vm.disks.remount()
    if vm.layout.monit_rc.parent.exists() and mail_port is not None:
        monit_config.write(vm.layout)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_main(vm, mail_port))
    # The worker may be in the middle of a long task; the journal lets the next process take it up.
    logging.shutdown()
    os._exit(0)


async def _main(vm: Vm, mail_port: int | None) -> None:
    agent = Agent(vm, mail_port)
    work = asyncio.ensure_future(agent.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    await work
