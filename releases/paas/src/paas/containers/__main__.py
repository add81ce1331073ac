"""``python -m paas.containers SOCKET``: status 0 when the warden at the socket is fit to serve."""

from __future__ import annotations

import asyncio
import sys

from paas.containers.client import WardenAwayError, WardenClient


def main() -> int:
    """The command."""
    if len(sys.argv) != 2:
        print("usage: paas.containers SOCKET", file=sys.stderr)
        return 2
    try:
        asyncio.run(WardenClient(sys.argv[1]).ping())
    except WardenAwayError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
