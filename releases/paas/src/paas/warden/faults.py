"""A question that is answered by no."""

from __future__ import annotations

from paas.containers.protocol import FaultCode


class WardenError(Exception):
    """Why not; `code` goes to who asked."""

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code: FaultCode = code
