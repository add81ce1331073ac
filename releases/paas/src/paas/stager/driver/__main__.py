"""``python3 -m paas.stager.driver build | pack``: leaves `layout.RESULT`; exit status 0 also where staging failed by the application's or a buildpack's fault."""

from __future__ import annotations

import errno
import sys

from paas.stager.driver import layout
from paas.stager.driver.build import build, disk_is_full
from paas.stager.driver.failure import StagingError
from paas.stager.driver.pack import pack
from paas.stager.driver.plan import Result, read_plan, write


def main(verb: str) -> int:
    """Do it, and write what came of it."""
    layout.TMP.mkdir(parents=True, exist_ok=True)
    try:
        result = build(read_plan(layout.GIVEN / "plan.json")) if verb == "build" else Result(cache=pack())
    except StagingError as error:
        result = Result(error_type=error.type, error=str(error))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        result = Result(error_type="StagerError", error="Stager error: the disk of the staging container is full")
    if result.error and disk_is_full():
        result.error += "; the disk of the staging container is full"
        # its own last room
        for path in layout.TMP.glob("*.tgz"):
            path.unlink()
    write(layout.RESULT, result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
