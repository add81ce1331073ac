"""UAA as it is run: a process of its own, on a database of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
from joserfc.jwk import RSAKey
from paas.database.config import DatabaseConfig

from lab.ports import free_port

ROOT = Path(__file__).parents[3]
ADMIN_PASSWORD = "admin-Passw0rd-of-the-test"
USER_PASSWORD = "ann-Passw0rd-of-the-test"
CLIENT_SECRET = "secret-of-the-cc-client"
CF_SCOPE = [
    "cloud_controller.admin",
    "cloud_controller.read",
    "cloud_controller.write",
    "openid",
    "password.write",
    "scim.read",
    "scim.write",
    "uaa.admin",
    "uaa.user",
]
REDIRECT = "https://app.example.org/callback?fixed=1"


def new_key() -> str:
    """A private key in PEM."""
    return RSAKey.generate_key(2048).as_pem(private=True).decode()


def config_of(database: DatabaseConfig, port: int, **more: Any) -> dict[str, Any]:
    """A configuration with clients and users; hashing is cheap, that tests be quick."""
    all_grants = ["password", "refresh_token", "authorization_code"]
    return {
        "listen": {"host": "127.0.0.1", "port": port},
        "database": {"url": database.url, "pool": 3, "patience": 20},
        "url": f"http://127.0.0.1:{port}",
        "login_url": f"http://localhost:{port}",
        "keys": {"one": new_key(), "two": new_key()},
        "active_key": "one",
        "clients": {
            "cf": {"grant_types": ["password", "refresh_token"], "scope": CF_SCOPE},
            "cc": {
                "secret": CLIENT_SECRET,
                "grant_types": ["client_credentials"],
                "authorities": ["scim.read", "uaa.resource"],
            },
            "admin": {"secret": "admin-secret", "grant_types": ["client_credentials"], "authorities": ["uaa.admin"]},
            "web": {
                "secret": "web-secret",
                "grant_types": all_grants,
                "scope": ["openid", "cloud_controller.read"],
                "redirect_uris": [REDIRECT],
            },
            "spa": {"grant_types": all_grants, "scope": ["openid"], "redirect_uris": ["http://127.0.0.1/back"]},
        },
        "users": [
            {
                "name": "admin",
                "password": ADMIN_PASSWORD,
                "groups": ["cloud_controller.admin", "scim.read", "scim.write", "uaa.admin"],
            },
            {"name": "Ann@example.org", "password": USER_PASSWORD, "email": "ann@example.org", "given_name": "Ann"},
        ],
        "groups": {"cloud_controller.admin": "May do everything"},
        "hashing": {"memory": 64, "passes": 1},
        **more,
    }


class UaaProcess:
    """Started by `start`, ended by `stop`; `log` is all that it wrote."""

    def __init__(self, directory: Path, config: dict[str, Any]) -> None:
        self.config = config
        self.url: str = config["url"]
        self._file = directory / "uaa.json"
        self._log = directory / "uaa.log"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, directory: Path, database: DatabaseConfig, **more: Any) -> UaaProcess:
        return cls(directory, config_of(database, free_port(), **more))

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        """Returns when it serves."""
        self._file.write_text(json.dumps(self.config))
        words = ["setpriv", "--pdeathsig=KILL", sys.executable, "-m", "paas.uaa", "--config", str(self._file)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "releases/paas/src")}
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(words, stdout=out, stderr=out, env=environment)
        deadline = time.monotonic() + 30
        while True:
            assert self._process.poll() is None, self.log
            try:
                if httpx2.get(f"{self.url}/healthz", trust_env=False).status_code == 200:
                    return
            except httpx2.TransportError:
                assert time.monotonic() < deadline, self.log
                time.sleep(0.05)

    def stop(self) -> int:
        """By SIGTERM; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def refuses(self) -> tuple[int, str]:
        """Status and output of a start that must fail."""
        self._file.write_text(json.dumps(self.config))
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "releases/paas/src")}
        words = [sys.executable, "-m", "paas.uaa", "--config", str(self._file)]
        done = subprocess.run(words, env=environment, capture_output=True, timeout=60)
        return done.returncode, (done.stdout + done.stderr).decode()
