"""What every check works with: the platform, a space of its own, and its client."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from paas.acceptance.client import Client
from paas.acceptance.config import AcceptanceConfig
from paas.acceptance.web import Web


@dataclass
class Trial:
    """One run. All that it makes is in an organization of its own, which goes at the end."""

    config: AcceptanceConfig
    directory: Path
    web: Web
    mark: str = field(default_factory=lambda: secrets.token_hex(3))
    pushed: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.paas = self.session("admin")

    @property
    def org(self) -> str:
        """The run's organization."""
        return f"acceptance-{self.mark}"

    def session(self, name: str) -> Client:
        """A session that starts logged out."""
        home = self.directory / name
        home.mkdir(exist_ok=True)
        environment = {"PAAS_CONNECT": self.config.router}
        if self.config.ca:
            environment["PAAS_CA"] = self.config.ca
        return Client(self.config.client, home, environment)

    def name(self, app: str) -> str:
        """An app's name in this run; its host too."""
        return f"{app}-{self.mark}"

    def host(self, app: str) -> str:
        """Where an app of this run is reached."""
        return f"{self.name(app)}.{self.config.apps_domain}"

    async def begin(self) -> None:
        """Log in, with an organization and a space."""
        await self.paas("target", self.config.api)
        await self.paas("login", "-u", self.config.user, "-p", self.config.password)
        await self.paas("create-org", self.org)
        await self.paas("create-space", "main", "-o", self.org)
        await self.paas("target", "-o", self.org, "-s", "main")

    async def end(self) -> None:
        """Delete all of it."""
        await self.paas("delete-org", self.org, "-f")

    async def push(self, app: str, source: str = "", *words: str) -> None:
        """Push one of the apps that came along; once in a run."""
        if app in self.pushed:
            return
        path = f"{self.config.apps}/{source or app}"
        await self.paas("push", self.name(app), "-p", path, *words)
        self.pushed.add(app)

    async def probe(self) -> str:
        """The app that shows everything, with three instances; its host."""
        await self.push("probe", "probe", "-i", "3", "-m", "128M", "-k", "256M")
        return self.host("probe")
