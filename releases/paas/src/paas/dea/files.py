"""Serves the files of instances under signed addresses, and says whether this DEA is fit."""

from __future__ import annotations

import hashlib
import hmac
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from paas.containers.client import Container, ContainerError, WardenAwayError
from paas.dea.config import DeaConfig
from paas.dea.environment import HOME
from paas.dea.instances import Instances

VALID_SECONDS = 3600
MOST_BYTES = 256 << 20


class Files:
    """The file server of one DEA; without a secret it gives no addresses and no files."""

    def __init__(self, config: DeaConfig, instances: Instances) -> None:
        self._secret = config.files_secret.encode()
        self._instances = instances
        self._directory = config.directory
        scheme = "https" if config.listen.certificate else "http"
        self.base = f"{scheme}://{config.ip}:{config.listen.port}"

    def address(self, instance: str) -> str:
        """The signed address of an instance's files: ``&path=`` may be added, a file or a directory below its home."""
        if not self._secret:
            return ""
        expires = str(int(time.time()) + VALID_SECONDS)
        query = urlencode({"expires": expires, "signature": self._signature(instance, expires)})
        return f"{self.base}/instance_paths/{instance}?{query}"

    def _signature(self, instance: str, expires: str) -> str:
        return hmac.new(self._secret, f"{instance}\n{expires}".encode(), hashlib.sha256).hexdigest()

    async def serve(self, request: Request) -> Response:
        """A file's content, or a directory's names one a line (with / behind directories)."""
        name = request.path_params["instance"]
        expires, signature = request.query_params.get("expires", ""), request.query_params.get("signature", "")
        if not self._secret or not hmac.compare_digest(signature, self._signature(name, expires)):
            return PlainTextResponse("the signature is not valid for this address\n", 403)
        if not expires.isdigit() or int(expires) < time.time():
            return PlainTextResponse("the address has expired; ask for a new one\n", 403)
        instance = self._instances.get(name)
        if instance is None or instance.container is None or instance.record.state == "CRASHED":
            return PlainTextResponse("there is no such instance here\n", 404)
        path = f"{HOME}/{request.query_params.get('path', '/').lstrip('/')}"
        try:
            return await _answer(instance.container, path, self._directory)
        except ContainerError as error:
            return PlainTextResponse(f"{error}\n", 404)
        except WardenAwayError:
            return PlainTextResponse("the warden does not answer; try again\n", 503)


async def _answer(container: Container, path: str, place: str) -> Response:
    names = await container.run(["/bin/sh", "-c", 'cd -- "$1" && exec ls -1Ap', "sh", path])
    lines = [line.text async for batch in names.output() for line in batch.lines if line.stream == "OUT"]
    if (await names.wait()).status == 0:
        return PlainTextResponse("".join(f"{line}\n" for line in lines))
    directory = tempfile.TemporaryDirectory(prefix="file-", dir=place)
    copy = Path(directory.name) / "file"
    try:
        await container.copy_out(path, str(copy), max_bytes=MOST_BYTES)
    except BaseException:
        directory.cleanup()
        raise
    return FileResponse(copy, media_type="application/octet-stream", background=BackgroundTask(directory.cleanup))


def application(files: Files, fit: Callable[[], Awaitable[str]]) -> Starlette:
    """The HTTP application: ``/healthz`` and ``/instance_paths/INSTANCE``."""

    async def healthz(request: Request) -> Response:
        reason = await fit()
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200)

    return Starlette(routes=[Route("/healthz", healthz), Route("/instance_paths/{instance}", files.serve)])
