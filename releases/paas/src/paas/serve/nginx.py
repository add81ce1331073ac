"""Starts nginx in place of this process, with a configuration that a component has made: its signals and its exit are then the component's own."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from paas.serve.config import ConfigError
from paas.serve.http import Listen

_WORD = re.compile(r"[A-Za-z0-9_./:@%+=,~-]+")


def word(value: str, key: str) -> str:
    """`value` as it stands in nginx's configuration; ConfigError for what would end a word or a directive there."""
    if not _WORD.fullmatch(value):
        raise ConfigError(
            f"{key}: {value!r} cannot stand in nginx's configuration; use letters, digits and ./:@%+=,~-_"
        )
    return value


def frame(run: Path, log: Path, workers: int = 2) -> str:
    """The outermost directives: `run` holds the pid file and bodies on their way, `log` the file of errors."""
    # a master that is root would otherwise give its workers to a user that owns nothing here
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}daemon off;\nworker_processes {workers};\npid {word(str(run), 'run')}/nginx.pid;\n"
        f"error_log {word(str(log), 'log')}/nginx.error.log crit;\nevents {{ worker_connections 1024; }}\n"
    )


def temporary_paths(run: Path) -> str:
    """Directories that nginx makes at its start, needed or not."""
    kinds = ("proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"  {kind}_temp_path {word(str(run), 'run')}/{kind};\n" for kind in kinds)


def listening(listen: Listen) -> str:
    """``listen`` and, where there are files for it, TLS."""
    address = f"{word(listen.host, 'listen.host')}:{listen.port}"
    if not listen.certificate:
        return f"    listen {address};\n"
    return (
        f"    listen {address} ssl;\n    ssl_protocols TLSv1.2 TLSv1.3;\n"
        f"    ssl_certificate {word(listen.certificate, 'listen.certificate')};\n"
        f"    ssl_certificate_key {word(listen.key, 'listen.key')};\n"
        "    ssl_session_cache shared:tls:1m;\n"
    )


def become_nginx(program: str, configuration: str, run: Path, log: Path) -> None:
    """Write the configuration to `run` and turn into nginx; does not come back. ConfigError where there is no such program."""
    found = shutil.which(program)
    if found is None:
        raise ConfigError(f"nginx: no program {program!r}; name it by its path")
    for place in (run, log):
        place.mkdir(parents=True, exist_ok=True)
    file = run / "nginx.conf"
    file.touch(mode=0o600, exist_ok=True)
    file.chmod(0o600)
    file.write_text(configuration)
    sys.stdout.flush()
    os.execv(found, [found, "-p", str(run), "-e", f"{log}/nginx.error.log", "-c", str(file)])  # noqa: S606
