"""greeter COMMAND: `store FILE` and `web FILE` serve, `probe URL SECONDS` waits, `fetch URL` prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import store
import web
from runtime_lib import client

VERSION = "1"


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print("greeter", VERSION)
        return 0
    if len(arguments) == 2 and arguments[0] == "store":
        store.run(json.loads(Path(arguments[1]).read_text()))
        return 0
    if len(arguments) == 2 and arguments[0] == "web":
        web.run(json.loads(Path(arguments[1]).read_text()))
        return 0
    if len(arguments) == 3 and arguments[0] == "probe":
        client.wait_for(arguments[1], float(arguments[2]))
        return 0
    if len(arguments) == 2 and arguments[0] == "fetch":
        print(json.dumps(client.fetch(arguments[1])))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
