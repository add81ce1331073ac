"""``python3 -m paas.client COMMAND``."""

from __future__ import annotations

import sys

from paas.client.main import main

if __name__ == "__main__":
    sys.exit(main())
