"""JSON over HTTP, without proxies: instances are reached directly."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str, *, token: str | None = None, method: str = "GET", timeout: float = 3.0) -> object:
    """The decoded answer; raises OSError for transport errors and statuses other than 200."""
    request = urllib.request.Request(url, method=method)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with _OPENER.open(request, timeout=timeout) as answer:
        return json.load(answer)


def wait_for(url: str, seconds: float) -> None:
    """Returns as soon as the URL answers 200; raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fetch(url, timeout=1.0)
            return
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise TimeoutError(url + " did not answer: " + str(error)) from error
        time.sleep(0.05)
