"""The contract's errors as the director's."""

from __future__ import annotations

from cpi import contract
from director.model.errors import CloudError, CloudNotFound, CloudNotSupported, CloudUnsettled

NOT_FOUND = (
    contract.VMNotFound, contract.DiskNotFound, contract.StemcellNotFound, contract.NetworkNotFound,
    contract.SnapshotNotFound,
)  # fmt: skip
NOT_SUPPORTED = (contract.NotSupported, contract.MethodNotImplemented)
UNSETTLED = (contract.WorkerDied, contract.DeadlineExceeded, contract.InvalidResponse)
CODES: dict[type[contract.CpiError], int] = {contract.DiskNotAttached: 390001, contract.NoDiskSpace: 390003}


def cloud_error(error: contract.CpiError, method: str, cpi: str, request_id: str) -> CloudError:
    """The director's error for one of the contract, with all its facts."""
    kind, retry, remedy = CloudError, error.ok_to_retry, ""
    if isinstance(error, NOT_FOUND):
        kind = CloudNotFound
    elif isinstance(error, NOT_SUPPORTED):
        kind = CloudNotSupported
    elif isinstance(error, UNSETTLED):
        if error.facts.started:
            kind = CloudUnsettled
        else:  # certainly nothing happened
            retry = True
    message = f"CPI error '{error.type_name}' with message '{error.message}' in '{method}' CPI method"
    if isinstance(error, contract.UnknownCpiError):
        message = error.message
    elif cpi:
        message += f" of CPI '{cpi}'"
    if error.facts.cleanup:
        remedy = f"The clean-up failed too: {error.facts.cleanup}"
    found = kind(
        message, type=error.type_name, method=method, cpi=cpi, request_id=request_id, ok_to_retry=retry, remedy=remedy,
        began=error.facts.started, retry_after=error.facts.retry_after,
    )  # fmt: skip
    found.code = CODES.get(type(error), found.code)
    return found
