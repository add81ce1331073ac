"""UAA: tokens and users."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx2

from paas.client.errors import ApiFault, ClientError
from paas.client.settings import Settings

CLIENT = ("cf", "")


class Uaa:
    """`settings` gets the tokens."""

    def __init__(self, client: httpx2.Client, settings: Settings) -> None:
        self._http = client
        self._settings = settings

    def log_in(self, user: str, password: str) -> None:
        """ClientError where they are wrong."""
        self._grant({"grant_type": "password", "username": user, "password": password}, CLIENT)

    def log_in_client(self, client: str, secret: str) -> None:
        """As a client of its own, without a user."""
        self._grant({"grant_type": "client_credentials"}, (client, secret))

    def refresh(self) -> bool:
        """Whether there is a new token."""
        if not self._settings.refresh_token:
            return False
        try:
            self._grant({"grant_type": "refresh_token", "refresh_token": self._settings.refresh_token}, CLIENT)
        except ClientError:
            return False
        return True

    def revoke(self) -> None:
        """What was refreshed with it ends too, where UAA is there."""
        with contextlib.suppress(httpx2.HTTPError, ClientError):
            self._http.delete(f"{self._url}/oauth/token/revoke/{self._settings.refresh_token}", headers=self._bearer)

    def find(self, user: str) -> str | None:
        """The guid of the user of that name."""
        quoted = user.replace("\\", "\\\\").replace('"', '\\"')
        answer = self._http.get(
            f"{self._url}/Users", params={"filter": f'userName eq "{quoted}"'}, headers=self._bearer
        )
        found = self._checked(answer)["resources"]
        return str(found[0]["id"]) if found else None

    def create(self, user: str, password: str) -> str:
        """The new user's guid."""
        body = {
            "userName": user,
            "password": password,
            "origin": "uaa",
            "name": {"givenName": user, "familyName": user},
            "emails": [{"value": user if "@" in user else f"{user}@unknown.invalid", "primary": True}],
        }
        return str(self._checked(self._http.post(f"{self._url}/Users", json=body, headers=self._bearer))["id"])

    def delete(self, guid: str) -> None:
        """The user logs in no more."""
        self._checked(self._http.delete(f"{self._url}/Users/{guid}", headers=self._bearer))

    def change_password(self, guid: str, old: str, new: str) -> None:
        """The user's own."""
        body = {"oldPassword": old, "password": new}
        self._checked(self._http.put(f"{self._url}/Users/{guid}/password", json=body, headers=self._bearer))

    @property
    def _url(self) -> str:
        if not (url := self._settings.links.get("uaa")):
            raise ClientError("No platform is targeted.", "paas target URL")
        return url.rstrip("/")

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"bearer {self._settings.access_token}"}

    def _grant(self, form: dict[str, str], client: tuple[str, str]) -> None:
        answer = self._http.post(
            f"{self._settings.links.get('login', self._url).rstrip('/')}/oauth/token",
            data=form,
            auth=client,
            headers={"Accept": "application/json"},
        )
        token = self._checked(answer)
        self._settings.access_token = token["access_token"]
        self._settings.refresh_token = token.get("refresh_token", self._settings.refresh_token)

    @staticmethod
    def _checked(answer: httpx2.Response) -> dict[str, Any]:
        try:
            body: Any = answer.json() if answer.content else {}
        except ValueError:
            body = {}
        if answer.is_success and isinstance(body, dict):
            return body
        said = body if isinstance(body, dict) else {}
        detail = (
            said.get("error_description") or said.get("message") or said.get("error") or f"status {answer.status_code}"
        )
        if detail == "Bad credentials":
            raise ApiFault(401, 0, "unauthorized", "User name or password are wrong.", "Check them and log in again.")
        raise ApiFault(answer.status_code, 0, str(said.get("error", "")), f"UAA refuses: {detail}")
