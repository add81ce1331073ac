"""The cloud controller's API: requests with a token that is kept fresh, lists over all pages, jobs to their end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import click
import httpx2

from paas.client.errors import ApiFault, ClientError
from paas.client.settings import Settings, save
from paas.client.uaa import Uaa

PER_PAGE = 200
PASSING = (502, 503, 504)
TRIES = 6
JOB_SECONDS = 1800
FIRST_PAUSE, MOST_PAUSE = 0.1, 1.0

Json = dict[str, Any]


class Listing(list[Json]):
    """Resources of all pages, and what came along, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.included: dict[str, dict[str, Json]] = {}

    def along(self, kind: str, guid: str) -> Json:
        """A resource that came along; empty where it did not."""
        return self.included.get(kind, {}).get(guid, {})


class Api:
    """Paths begin with ``/v3``; absolute URLs are taken too."""

    def __init__(self, client: httpx2.Client, settings: Settings, uaa: Uaa) -> None:
        self._http = client
        self._settings = settings
        self._uaa = uaa

    def get(self, path: str, **query: Any) -> Json:
        """One document."""
        return self._json(self.send("GET", path, params=query or None))

    def list(self, path: str, **query: Any) -> Listing:
        """All resources of a list."""
        found = Listing()
        page: Json = self.get(path, per_page=PER_PAGE, **query)
        while True:
            found += page["resources"]
            for kind, resources in page.get("included", {}).items():
                found.included.setdefault(kind, {}).update({one["guid"]: one for one in resources})
            if not (following := page["pagination"].get("next")):
                return found
            page = self.get(following["href"])

    def first(self, path: str, **query: Any) -> Json | None:
        """The first resource of a list."""
        found = self.get(path, per_page=1, **query)["resources"]
        return found[0] if found else None

    def post(self, path: str, body: Any = None, **more: Any) -> Json:
        """What was made."""
        return self._json(self.send("POST", path, json=body, **more))

    def patch(self, path: str, body: Any) -> Json:
        """What it is now."""
        return self._json(self.send("PATCH", path, json=body))

    def change(self, method: str, path: str, body: Any = None, wait: bool = True, **more: Any) -> Json:
        """Send, and where a job was begun by it, wait for its end."""
        if body is not None:
            more["json"] = body
        answer = self.send(method, path, **more)
        if answer.status_code == 202 and wait and (job := answer.headers.get("location")):
            self.await_job(job)
        return self._json(answer)

    def await_job(self, url: str) -> None:
        """ApiFault where the job has failed."""

        def ended() -> bool:
            job = self.get(url)
            for warning in job.get("warnings", []):
                click.echo(f"warning: {warning['detail']}", err=True)
            if job["state"] == "FAILED":
                error: Json = (job.get("errors") or [{"code": 0, "title": "", "detail": "The job failed."}])[0]
                raise ApiFault(422, error["code"], error["title"], error["detail"])
            return job["state"] == "COMPLETE"

        until(ended, JOB_SECONDS, "The platform has not finished", "It goes on in the background; look again later.")

    def send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """With a token; a second time with a new one, and reads again while the platform is away."""
        if not self._settings.api:
            raise ClientError("No platform is targeted.", "paas target URL")
        if not self._settings.access_token:
            raise ClientError("You are not logged in.", "paas login")
        url = path if "://" in path else self._settings.api + path
        tries = TRIES if method == "GET" else 1
        refreshed = False
        given: dict[str, str] = more.pop("headers", {})
        pause = FIRST_PAUSE
        while True:
            tries -= 1
            headers = {"Authorization": f"bearer {self._settings.access_token}", **given}
            try:
                answer = self._http.request(method, url, headers=headers, **more)
            except httpx2.TransportError as error:
                if tries <= 0:
                    raise unreachable(url, error) from None
            else:
                if answer.status_code == 401 and _title(answer) == "CF-InvalidAuthToken" and not refreshed:
                    refreshed = True
                    if not self._uaa.refresh():
                        raise ClientError("Your session has ended.", "paas login")
                    save(self._settings)
                    tries += 1
                    continue
                if answer.status_code not in PASSING or tries <= 0:
                    return self._checked(answer)
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    @staticmethod
    def _checked(answer: httpx2.Response) -> httpx2.Response:
        for warning in filter(None, answer.headers.get("x-cf-warnings", "").split(",")):
            click.echo(f"warning: {unquote(warning)}", err=True)
        if answer.is_success or answer.is_redirect:
            return answer
        raise fault(answer)

    @staticmethod
    def _json(answer: httpx2.Response) -> Json:
        if not answer.content:
            return {}
        try:
            return answer.json()
        except ValueError:
            raise ClientError(
                f"{answer.request.url} did not answer with JSON.", "Is that the platform's API?"
            ) from None


def fault(answer: httpx2.Response) -> ApiFault:
    """The refusal in an answer; the first error is the one told."""
    try:
        errors: Any = answer.json()["errors"]
        code, title, detail = errors[0]["code"], errors[0]["title"], errors[0]["detail"]
    except (ValueError, KeyError, IndexError, TypeError):
        return ApiFault(answer.status_code, 0, "", f"{answer.request.url}: status {answer.status_code}")
    remedy = ""
    if title == "CF-NotAuthorized":
        remedy = "Ask for the role that allows it: see space-users and set-space-role."
    elif title == "CF-NotAuthenticated":
        remedy = "paas login"
    more = [f"{one['detail']}" for one in errors[1:]]
    return ApiFault(answer.status_code, code, title, "\n".join([detail, *more]), remedy)


def unreachable(url: str, error: Exception) -> ClientError:
    """No connection, or it broke off."""
    host = httpx2.URL(url).host
    text = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return ClientError(
            f"The certificate of {host} is not trusted: {text}",
            "Give the authority's certificate by PAAS_CA=FILE, or target with --skip-ssl-validation.",
        )
    return ClientError(
        f"{host} cannot be reached: {text}",
        "Check the address; where there is no DNS, give PAAS_CONNECT=HOST of the router.",
    )


def until(ended: Callable[[], bool], seconds: float, late: str, remedy: str = "") -> None:
    """Ask with growing pauses; ClientError when it takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while not ended():
        if time.monotonic() > deadline:
            raise ClientError(f"{late} after {seconds:g} s.", remedy)
        time.sleep(pause)
        pause = min(1.5 * pause, MOST_PAUSE)


def _title(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["errors"][0]["title"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
