"""One call of the client: its settings, its connections, the places it works in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx2

from paas.client import settings as kept
from paas.client.api import Api, unreachable
from paas.client.connect import http
from paas.client.errors import ClientError
from paas.client.log_cache import LogCache
from paas.client.settings import Place, Settings
from paas.client.uaa import Uaa


@dataclass
class Session:
    """Made once for a call."""

    settings: Settings

    @classmethod
    def load(cls) -> Session:
        """With what was kept."""
        return cls(kept.load())

    def close(self) -> None:
        """End the connections."""
        if "http" in self.__dict__:
            self.http.close()

    def save(self) -> None:
        """Keep it for the next call."""
        kept.save(self.settings)

    @cached_property
    def http(self) -> httpx2.Client:
        """Connections to all parts of the platform."""
        return http(self.settings)

    @cached_property
    def uaa(self) -> Uaa:
        """Tokens and users."""
        return Uaa(self.http, self.settings)

    @cached_property
    def api(self) -> Api:
        """The cloud controller."""
        return Api(self.http, self.settings, self.uaa)

    @cached_property
    def logs(self) -> LogCache:
        """Lines of apps."""
        return LogCache(self.http, self.settings, self.uaa)

    @property
    def org(self) -> Place:
        """The organization that is worked in."""
        self._logged_in()
        if self.settings.org is None:
            raise ClientError("No organization is targeted.", "paas target -o ORG")
        return self.settings.org

    @property
    def space(self) -> Place:
        """The space that is worked in."""
        self._logged_in()
        if self.settings.space is None:
            raise ClientError("No space is targeted.", "paas target -o ORG -s SPACE")
        return self.settings.space

    def _logged_in(self) -> None:
        if not self.settings.api:
            raise ClientError("No platform is targeted.", "paas target URL")
        if not self.settings.access_token:
            raise ClientError("You are not logged in.", "paas login")

    @property
    def where(self) -> str:
        """For messages."""
        return f"space {self.org.name}/{self.space.name}"

    def discover(self, url: str) -> None:
        """Where the parts of the platform at `url` are."""
        try:
            answer = self.http.get(f"{url}/")
            body: Any = answer.json()
            links: dict[str, Any] = body["links"]
            _ = links["cloud_controller_v3"]["href"]
        except httpx2.TransportError as error:
            raise unreachable(url, error) from None
        except (ValueError, KeyError, TypeError):
            raise ClientError(
                f"{url} is not the API of a platform.", "Give the address that begins with api."
            ) from None
        self.settings.api = url
        self.settings.links = {name: link["href"] for name, link in links.items() if link}
