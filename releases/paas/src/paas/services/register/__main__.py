"""``python3 -m paas.services.register --config FILE``: brokers are made or changed, and their services opened to all."""

from __future__ import annotations

import sys

from paas.serve.config import ConfigError, config_argument, read_config
from paas.services.register.config import RegisterConfig
from paas.services.register.platform import Platform, RegisterError


def main() -> int:
    """All of them; 1 where one could not be registered."""
    failed = False
    try:
        config = read_config(config_argument("services.register", sys.argv[1:]), RegisterConfig)
        with Platform(config) as platform:
            for broker in config.brokers:
                try:
                    print(f"{broker.name}: {platform.register(broker)}", flush=True)
                    for plan in platform.publish(broker):
                        print(f"{broker.name}: all may order {plan}", flush=True)
                except RegisterError as error:
                    failed = True
                    print(f"{broker.name}: {error}", file=sys.stderr)
    except (ConfigError, RegisterError, OSError) as error:
        print(f"register_brokers: {error}", file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
