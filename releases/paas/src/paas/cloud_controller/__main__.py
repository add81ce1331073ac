"""``python3 -m paas.cloud_controller --config FILE``."""

from __future__ import annotations

import sys

from paas.cloud_controller.config import Config
from paas.cloud_controller.main import main
from paas.serve.process import run

if __name__ == "__main__":
    sys.exit(run("cloud_controller", Config, main))
