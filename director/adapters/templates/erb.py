"""The warm Ruby process: started at the first rendering, one batch at a time, started anew when it dies."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from director.adapters.templates.archive import Template, read_templates
from director.model.errors import DirectorError
from director.ports.templates import Rendered, RenderRequest

BATCH = 64
SECONDS = 120
MEMORY = 2 << 30


class ErbTemplates:
    """Renders job templates by ``ruby``; as root it runs without network (util-linux' ``unshare``) and as nobody."""

    def __init__(self, ruby: str = "ruby", *, seconds: int = SECONDS) -> None:
        self._ruby = ruby
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._archives: dict[Path, list[Template]] = {}

    async def render(self, requests: Sequence[RenderRequest]) -> list[Rendered]:
        """Batches of jobs, each in a forked child. A batch that is killed by its limits names no single template."""
        results: list[Rendered] = []
        for start in range(0, len(requests), BATCH):
            results += await self._batch(requests[start : start + BATCH])
        return results

    async def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
        self._process = None

    async def _batch(self, requests: Sequence[RenderRequest]) -> list[Rendered]:
        jobs: list[list[Template]] = [await asyncio.to_thread(self._templates, one) for one in requests]
        shared = _Shared()
        batch = [
            {
                "context": {name: shared.place(value) for name, value in request.context.items()},
                "templates": [{"source": t.source, "destination": t.destination, "text": t.text} for t in templates],
            }
            for request, templates in zip(requests, jobs, strict=True)
        ]
        answer = await self._ask(
            {"seconds": self._seconds, "memory": MEMORY, "batch": batch, "shared": shared.documents}
        )
        if "error" in answer:
            if len(requests) == 1:
                return [Rendered(requests[0].instance, requests[0].job, {}, (str(answer["error"]),))]
            # one bad job must not hide behind its batch
            return [result for one in requests for result in await self._batch([one])]
        return [
            self._rendered(request, result["files"]) for request, result in zip(requests, answer["result"], strict=True)
        ]

    def _templates(self, request: RenderRequest) -> list[Template]:
        if request.archive not in self._archives:
            if len(self._archives) > 512:
                self._archives.clear()
            self._archives[request.archive] = read_templates(request.archive, request.spec, request.job)
        return self._archives[request.archive]

    @staticmethod
    def _rendered(request: RenderRequest, files: list[dict[str, str]]) -> Rendered:
        errors = tuple(one["error"] for one in files if "error" in one)
        if errors:
            return Rendered(request.instance, request.job, {}, errors)
        return Rendered(
            request.instance,
            request.job,
            {one["destination"]: one["text"].encode("utf-8", "surrogateescape") for one in files},
        )

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(request).encode()
        async with self._turn:
            for _ in range(2):
                process = await self._running()
                assert process.stdin is not None and process.stdout is not None
                try:
                    process.stdin.write(b"%d\n" % len(body) + body)
                    await process.stdin.drain()
                    head = await process.stdout.readline()
                    if head:
                        return json.loads(await process.stdout.readexactly(int(head)))
                except (BrokenPipeError, ConnectionResetError, asyncio.IncompleteReadError):
                    pass
                await process.wait()
                self._process = None
        raise DirectorError(
            "The template renderer died twice on the same batch", remedy="See the director's log for ruby's last words"
        )

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            if shutil.which(self._ruby) is None:
                raise DirectorError(f"'{self._ruby}' is not installed", remedy="Install ruby: job templates are ERB")
            command = [self._ruby, str(Path(__file__).with_name("renderer.rb"))]
            if os.geteuid() == 0 and shutil.which("unshare"):
                command = ["unshare", "--net", *command]
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"},
                limit=1 << 26,
            )
        return self._process


class _Shared:
    """What contexts of a batch have in common is sent once, as JSON in a text: each job parses a copy of its own, lest one template's changes be
    seen by another's. Links may tell of a thousand instances, to a thousand."""

    def __init__(self) -> None:
        self.documents: list[str] = []
        self._places: dict[int, int] = {}
        self._held: list[Any] = []

    def place(self, value: Any) -> int:
        """Where it is in ``documents``."""
        known = self._places.get(id(value))
        if known is None:
            known = self._places[id(value)] = len(self.documents)
            self.documents.append(json.dumps(value))
            self._held.append(value)
        return known
