"""Staging that ends without a droplet, by the names that the API's clients know."""

from __future__ import annotations

from typing import Literal

ErrorType = Literal[
    "NoAppDetectedError",
    "BuildpackCompileFailed",
    "BuildpackReleaseFailed",
    "StagingTimeExpired",
    "InsufficientResources",
    "StagerError",
]

SENTENCES: dict[ErrorType, str] = {
    "NoAppDetectedError": "An app was not successfully detected by any available buildpack",
    "BuildpackCompileFailed": "App staging failed in the buildpack compile phase",
    "BuildpackReleaseFailed": "App staging failed in the buildpack release phase",
    "StagingTimeExpired": "Staging time expired",
    "InsufficientResources": "Insufficient resources",
    "StagerError": "Stager error",
}


class StagingError(Exception):
    """Why there is no droplet: `type`, and words of ours after the sentence that clients know."""

    def __init__(self, type: ErrorType, words: str = "") -> None:
        self.type: ErrorType = type
        sentence = SENTENCES[type]
        super().__init__(f"{sentence}: {words}" if words else sentence)
