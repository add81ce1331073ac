"""``POST /v3/packages/G/upload``: the archive comes in, and is put into the blobstore in the background."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import Response

from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import ApiError, parse_error, unprocessable
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.packages.archive import Resource
from paas.cloud_controller.packages.find import need_of_app
from paas.cloud_controller.packages.keep import keep_package
from paas.cloud_controller.packages.present import present_package
from paas.cloud_controller.packages.resources import matched
from paas.cloud_controller.schema import packages

MOST_FIELD = 16 * 1024 * 1024
"""Of ``resources``: bytes."""
MORE = 32 * 1024 * 1024
"""What a request may have beside the file: bytes."""


async def read_form(call: Call, most: int) -> FormData:
    """The parts of a multipart body; its files lie in temporary files. 413 where it is larger than `most` bytes, 400 where it is none."""
    length = call.request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most + MORE:
        raise too_large(most)
    try:
        return await call.request.form(max_files=2, max_fields=10, max_part_size=MOST_FIELD)
    except MultiPartException as error:
        raise parse_error(error.message) from None
    except Exception as error:
        # Starlette turns the parser's error into one of HTTP's where it runs inside its own application
        if type(error).__name__ == "HTTPException":
            raise parse_error(str(getattr(error, "detail", error))) from None
        raise


def too_large(most: int) -> ApiError:
    """413."""
    return ApiError(
        413, 160001, "CF-AppBitsUploadInvalid", f"The upload is larger than the {most} bytes that are allowed"
    )


async def saved(call: Call, file: UploadFile, most: int) -> Path:
    """The uploaded file, moved to a path of its own on the data disk."""
    if file.size is not None and file.size > most:
        raise too_large(most)
    handle, name = tempfile.mkstemp(dir=call.platform.config.data, prefix="upload-")
    try:
        with os.fdopen(handle, "wb") as target:
            while chunk := await file.read(1 << 20):
                target.write(chunk)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


async def upload(call: Call) -> Response:
    """Files that the platform has are left out by the client, and listed in ``resources``."""
    async with call.platform.database.begin() as db:
        call.connection = db
        row = await need_of_app(call, packages, call.path(), "develop", "Package")
        await need_flag(db, call.who, "app_bits_upload")
    if row.type != "bits":
        raise unprocessable("Package type must be bits.")
    if row.state != "AWAITING_UPLOAD":
        raise ApiError(
            400,
            150004,
            "CF-PackageBitsAlreadyUploaded",
            "Bits may be uploaded only once. Create a new package to upload different bits.",
        )
    most = call.platform.config.limits.package_bytes
    form = await read_form(call, most)
    known = _resources(form.get("resources"))
    file = form.get("bits")
    if isinstance(file, str) and not file:
        file = None
    if file is not None and not isinstance(file, UploadFile):
        raise unprocessable("Upload must include either resources or bits: bits must be a file")
    if file is None and not known:
        raise unprocessable("Upload must include either resources or bits")
    bits = None if file is None else await saved(call, file, most)
    await form.close()
    changed = await _begun(call, row)
    if changed is None:
        if bits is not None:
            bits.unlink(missing_ok=True)
        raise unprocessable("The package was uploaded by another request meanwhile.")
    call.platform.background(keep_package(call.platform, row.guid, bits, known))
    return answer(present_package(call, changed))


async def _begun(call: Call, row: sa.Row[Any]) -> sa.Row[Any] | None:
    async with call.platform.database.begin() as db:
        waiting = sa.and_(packages.c.guid == row.guid, packages.c.state == "AWAITING_UPLOAD")
        changed = sa.update(packages).where(waiting).values(state="PROCESSING_UPLOAD").returning(packages)
        return (await db.execute(changed)).first()


def _resources(field: Any) -> list[Resource]:
    if field is None or isinstance(field, UploadFile):
        return []
    try:
        return matched(msgspec.json.decode(field or "[]"))
    except msgspec.DecodeError as error:
        raise parse_error(f"resources: {error}") from None


ENDPOINTS = [Endpoint("POST", "/v3/packages/{guid}/upload", upload, transaction=False)]
