"""``python3 -m paas.acceptance --config FILE``: the errands `smoke_tests` and `acceptance_tests`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from paas.acceptance.checks import ACCEPTANCE, SMOKE
from paas.acceptance.checks.services import an_external_service_is_bound
from paas.acceptance.config import AcceptanceConfig
from paas.acceptance.run import run_checks
from paas.acceptance.trial import Trial
from paas.acceptance.web import Web
from paas.serve.config import ConfigError, config_argument, read_config


async def accept(config: AcceptanceConfig) -> int:
    """All checks, or those that are asked for; 1 if one failed."""
    checks = SMOKE if config.smoke else ACCEPTANCE
    if not config.external.service and an_external_service_is_bound in checks:
        checks = [check for check in checks if check is not an_external_service_is_bound]
        print("left out an_external_service_is_bound: no service is named by `external`")
    if config.only:
        checks = [check for check in checks if any(word in check.__name__ for word in config.only)]
    with tempfile.TemporaryDirectory(prefix="acceptance-") as directory:
        web = Web(config.router, config.router_port)
        trial = Trial(config, Path(directory), web)
        try:
            await trial.begin()
            try:
                failed = await run_checks(trial, checks)
            finally:
                await trial.end()
        finally:
            await web.close()
    print(f"{len(checks) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main() -> int:
    """Read the configuration and run."""
    try:
        config = read_config(config_argument("acceptance", sys.argv[1:]), AcceptanceConfig)
    except ConfigError as error:
        print(f"paas.acceptance: {error}", file=sys.stderr)
        return 2
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return asyncio.run(accept(config))


if __name__ == "__main__":
    sys.exit(main())
