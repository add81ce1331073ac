"""What can go wrong with a blob. No error carries a signed address: it would open the blob to whoever reads the log."""

from __future__ import annotations


class BlobError(Exception):
    """A blob could not be carried; the text says which and why."""


class NoBlobError(BlobError):
    """There is nothing under this key."""


class BlobRefusedError(BlobError):
    """The store answered that this may not be: a wrong password, an expired or false signature, a blob too large."""


class BlobDamagedError(BlobError):
    """What came is not what was promised: another digest, or more bytes than allowed."""


class BlobStoreAwayError(BlobError):
    """No node of the store answers, or its disk is full; trying again may help."""
