"""``python -m paas.registrar --config FILE``."""

import sys

from paas.registrar.config import Config
from paas.registrar.process import main
from paas.serve.process import run

sys.exit(run("registrar", Config, main))
