"""What can be wrong with a token. No text of these errors holds the token."""

from __future__ import annotations


class TokenError(Exception):
    """The token does not hold."""


class TokenExpiredError(TokenError):
    """It was good once; a refreshed one will do."""


class TokenInvalidError(TokenError):
    """It is malformed, signed by nobody we know, or says too little."""


class KeysAwayError(Exception):
    """The keys to check tokens with cannot be fetched: nothing is known about the token. Answer 503."""


class NoTokenError(Exception):
    """UAA refused a component its own token, or is away; says why."""
