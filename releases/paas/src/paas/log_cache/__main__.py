"""``python3 -m paas.log_cache --config FILE``."""

from __future__ import annotations

import sys

from paas.log_cache.config import LogCacheConfig
from paas.log_cache.main import main
from paas.serve.process import run

if __name__ == "__main__":
    sys.exit(run("log_cache", LogCacheConfig, main))
