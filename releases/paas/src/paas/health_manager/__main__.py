"""``python -m paas.health_manager --config FILE``."""

import sys

from paas.health_manager.config import Config
from paas.health_manager.process import main
from paas.serve.process import run

sys.exit(run("health_manager", Config, main))
