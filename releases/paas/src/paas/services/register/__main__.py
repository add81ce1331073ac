"""``python3 -m paas.services.register --config FILE``: brokers are made or changed, and their services opened to all."""

from __future__ import annotations

import sys

from paas.admin.session import AdminSession, RefusedError
from paas.serve.config import ConfigError, config_argument, read_config
from paas.services.register.brokers import publish, register
from paas.services.register.config import RegisterConfig


def main() -> int:
    """All of them; 1 where one could not be registered."""
    failed = False
    try:
        config = read_config(config_argument("services.register", sys.argv[1:]), RegisterConfig)
        with AdminSession(config) as session:
            for broker in config.brokers:
                try:
                    print(f"{broker.name}: {register(session, broker)}", flush=True)
                    for plan in publish(session, broker):
                        print(f"{broker.name}: all may order {plan}", flush=True)
                except RefusedError as error:
                    failed = True
                    print(f"{broker.name}: {error}", file=sys.stderr)
    except (ConfigError, RefusedError, OSError) as error:
        print(f"register_brokers: {error}", file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
