"""libvirt's and the kernel's errors as errors of the contract."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

import libvirt

from cpi.contract import CloudError, CpiError, Facts, NetworkNotFound, NoDiskSpace, VMNotFound


@contextmanager
def told(what: str, uri: str) -> Generator[None]:
    """Raise libvirt's and the kernel's errors inside as typed ones: what was done, where, and what was answered."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise typed(error, what, uri) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = error.filename or "the state directory"
            raise NoDiskSpace(f"{what}: no space left at {place}", facts=Facts(endpoint=uri)) from error
        raise CloudError(f"{what}: {error}", facts=Facts(endpoint=uri)) from error


def typed(error: libvirt.libvirtError, what: str, uri: str) -> CpiError:
    """The contract's error for one of libvirt."""
    kinds: dict[int, type[CpiError]] = {
        libvirt.VIR_ERR_NO_DOMAIN: VMNotFound,
        libvirt.VIR_ERR_NO_NETWORK: NetworkNotFound,
    }
    kind = kinds.get(error.get_error_code() or 0, CloudError)
    return kind(f"{what}: libvirt at {uri} says: {error.get_error_message()}", facts=Facts(endpoint=uri))
