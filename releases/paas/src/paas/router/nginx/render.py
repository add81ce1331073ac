"""Writes nginx's files from the router's configuration: ``nginx.conf``, ``apps.conf`` and ``settings.json``, below ``nginx.directory``."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from cryptography import x509

from paas.router.config import Certificate, Config
from paas.serve.config import ConfigError

HERE = Path(__file__).parent
FILES = ("nginx.conf", "apps.conf")


def write_files(config: Config) -> Path:
    """Write them; the path of ``nginx.conf``. ConfigError where a certificate cannot be read."""
    nginx = config.nginx
    directory = Path(nginx.directory)
    directory.mkdir(parents=True, exist_ok=True)
    given: dict[str, Any] = msgspec.to_builtins(nginx)
    given |= {
        "engine": nginx.engine.rstrip("/"),
        "socket": config.socket,
        "lua": str(HERE),
        "triplet": sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu",
        "servers": [
            {"certificate": one.certificate, "key": one.key, "names": _names(one)} for one in nginx.certificates
        ]
        or [{"certificate": "", "key": "", "names": ["_"]}],
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True, autoescape=False,  # noqa: S701 no HTML
    )  # fmt: skip
    environment.filters["ms"] = _milliseconds
    for name in FILES:
        (directory / name).write_text(environment.get_template(f"{name}.j2").render(given))
    (directory / "settings.json").write_bytes(
        msgspec.json.encode(msgspec.to_builtins(nginx) | {"socket": config.socket, "certificates": []})
    )
    return directory / "nginx.conf"


def _milliseconds(seconds: float) -> str:
    """A time as nginx reads it."""
    return f"{round(seconds * 1000)}ms"


def _names(one: Certificate) -> list[str]:
    """The DNS names in a certificate, or ``_`` for none."""
    path = Path(one.certificate)
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: no certificate in PEM form: {error}") from None
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ["_"]
    return sorted(set(names.get_values_for_type(x509.DNSName))) or ["_"]
