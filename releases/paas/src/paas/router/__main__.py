"""``python -m paas.router --config FILE``."""

import sys

from paas.router.config import Config
from paas.router.process import main
from paas.serve.process import run

sys.exit(run("router", Config, main))
