"""``python3 -m paas.uaa --config FILE``."""

from __future__ import annotations

import sys

from paas.serve.process import run
from paas.uaa.config import UaaConfig
from paas.uaa.main import main

if __name__ == "__main__":
    sys.exit(run("uaa", UaaConfig, main))
