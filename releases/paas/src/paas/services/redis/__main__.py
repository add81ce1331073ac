"""``python3 -m paas.services.redis --config FILE``: a Redis node."""

from __future__ import annotations

import sys

from paas.services.node.process import run_node
from paas.services.redis.config import RedisConfig
from paas.services.redis.service import RedisService

if __name__ == "__main__":
    sys.exit(run_node("redis", RedisConfig, RedisService))
