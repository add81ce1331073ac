"""One run of the command: its settings, its screen and, when needed, its director."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meristem.cli.failure import CliError
from meristem.cli.settings import Settings

if TYPE_CHECKING:
    # These cost start-up time that --help need not pay.
    from meristem.cli.director import Director
    from meristem.cli.environments import Environment, Environments
    from meristem.cli.screen import Screen

_current: list[Session] = []


class Session:
    """Everything a verb may need, each part made when first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._screen: Screen | None = None
        self._director: Director | None = None

    @classmethod
    def begin(cls, settings: Settings) -> Session:
        """Makes the session of this run."""
        _current[:] = [cls(settings)]
        return _current[0]

    @classmethod
    def current(cls) -> Session:
        """The session of this run."""
        return _current[0]

    @property
    def screen(self) -> Screen:
        """Where output goes."""
        if self._screen is None:
            from meristem.cli.screen import Screen

            self._screen = Screen(self.settings)
        return self._screen

    @property
    def environments(self) -> Environments:
        """The stored environments."""
        from meristem.cli.environments import Environments

        return Environments(self.settings.config)

    def environment(self) -> Environment:
        """The chosen environment with credentials from flags, variables or the store."""
        from meristem.cli.environments import Environment, address, read_ca

        name = self.settings.environment
        if not name:
            raise CliError(
                "Expected non-empty Director URL.", "Give -e URL|ALIAS or set BOSH_ENVIRONMENT; aliases: alias-env."
            )
        stored = self.environments.find(name)
        found = Environment(**vars(stored)) if stored else Environment(address(name))
        if self.settings.ca_cert:
            found.ca_cert = self.settings.ca_cert
        found.ca_cert = read_ca(found.ca_cert)
        if self.settings.client:
            found.username, found.password = self.settings.client, self.settings.client_secret
            found.refresh_token = ""
        return found

    def director(self) -> Director:
        """The director's API, with `Using environment ...` said once."""
        if self._director is None:
            from meristem.cli.director import Director

            environment = self.environment()
            self._director = Director(environment)
            who = f"client '{environment.username}'" if environment.username else "anonymous user"
            self.screen.line(f"Using environment '{environment.alias or self.settings.environment}' as {who}\n")
        return self._director

    def deployment(self) -> str:
        """The chosen deployment's name."""
        name = self.settings.deployment
        if not name:
            raise CliError("Expected non-empty deployment name.", "Give -d NAME or set BOSH_DEPLOYMENT.")
        self.director()
        self.screen.line(f"Using deployment '{name}'\n")
        return name

    def close(self) -> None:
        """Closes connections and prints what was gathered."""
        if self._director is not None:
            self._director.close()
        if self._screen is not None:
            self._screen.flush()
