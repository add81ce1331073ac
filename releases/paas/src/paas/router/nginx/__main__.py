"""``python -m paas.router.nginx --config FILE``: write nginx's files and say where the main one is."""

import sys

from paas.router.config import Config
from paas.router.nginx.render import write_files
from paas.serve.config import ConfigError, config_argument, read_config


def main() -> int:
    """The exit status."""
    try:
        print(write_files(read_config(config_argument("router.nginx", sys.argv[1:]), Config)))
    except ConfigError as error:
        print(f"paas.router.nginx: {error}", file=sys.stderr)
        return 2
    return 0


sys.exit(main())
