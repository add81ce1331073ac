"""What a push does, step by step."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from typing import Any

from tests.paas.cloud_controller.client import Api


def zipped(**files: str | bytes) -> bytes:
    """A zip archive; ``__`` in a name stands for a point."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return raw.getvalue()


async def wait_for(api: Api, path: str, good: tuple[str, ...], bad: tuple[str, ...] = ("FAILED", "EXPIRED")) -> Any:
    """Ask until the state is one of `good`."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = await api.get(path)
        if found["state"] in good:
            return found
        assert found["state"] not in bad, found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path} does not come to {good}")


async def upload_package(api: Api, app: str, bits: bytes | None, resources: str = "[]") -> dict[str, Any]:
    """A package that is ready."""
    package = await api.post("/v3/packages", {"type": "bits", "relationships": {"app": {"data": {"guid": app}}}})
    files = {} if bits is None else {"bits": ("package.zip", bits, "application/zip")}
    await api.post(f"/v3/packages/{package['guid']}/upload", files=files, data={"resources": resources})
    return await wait_for(api, f"/v3/packages/{package['guid']}", ("READY",))


async def stage(api: Api, package: str, **more: Any) -> dict[str, Any]:
    """A build that is staged."""
    build = await api.post("/v3/builds", {"package": {"guid": package}, **more})
    assert build["state"] == "STAGING"
    return await wait_for(api, f"/v3/builds/{build['guid']}", ("STAGED",))


async def push(api: Api, app: str, bits: bytes | None = None, *, start: bool = True) -> dict[str, Any]:
    """Upload, stage, assign, start; the droplet."""
    package = await upload_package(api, app, bits or zipped(index__html="<h1>hello</h1>"))
    build = await stage(api, package["guid"])
    await api.patch(f"/v3/apps/{app}/relationships/current_droplet", {"data": {"guid": build["droplet"]["guid"]}})
    if start:
        await api.post(f"/v3/apps/{app}/actions/restart")
    return await api.get(f"/v3/droplets/{build['droplet']['guid']}")
