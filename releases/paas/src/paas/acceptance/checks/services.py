"""Services made, bound, used and removed."""

from __future__ import annotations

import json

from paas.acceptance.trial import Trial


async def postgres_is_bound(trial: Trial) -> None:
    """The app writes to its database and reads."""
    await _bound(trial, "postgres", "small")


async def redis_is_bound(trial: Trial) -> None:
    """The app writes to its server and reads."""
    await _bound(trial, "redis", "small")


async def user_provided_is_injected(trial: Trial) -> None:
    """Credentials of one's own are in the app's environment."""
    await _client(trial)
    secret = f"secret-{trial.mark}"
    name = trial.name("own")
    await trial.paas("create-user-provided-service", name, "-p", json.dumps({"uri": f"x://{secret}"}))
    try:
        await _with(trial, name, secret)
    finally:
        await trial.paas("delete-service", name, "-f")


async def an_external_service_is_bound(trial: Trial) -> None:
    """What the broker of external services records is offered, and its credentials come to the app."""
    external = trial.config.external
    await _client(trial)
    name = trial.name("external")
    await trial.paas("create-service", external.service, external.plan, name)
    try:
        await _with(trial, name, external.credential)
    finally:
        await trial.paas("delete-service", name, "-f")


async def _with(trial: Trial, name: str, wanted: str) -> None:
    app = trial.name("client")
    await trial.paas("bind-service", app, name)
    try:
        await trial.paas("restart", app)
        await trial.web.until(trial.host("client"), "/", "probe ")
        environment = await trial.web.value(trial.host("client"), "/env")
        assert wanted in environment["VCAP_SERVICES"], f"the credentials of {name} are not in VCAP_SERVICES"
    finally:
        await trial.paas("unbind-service", app, name)


async def _client(trial: Trial) -> None:
    await trial.push("client", "probe", "-m", "128M", "-k", "128M")


async def _bound(trial: Trial, service: str, plan: str) -> None:
    await _client(trial)
    name = trial.name(service)
    app, host = trial.name("client"), trial.host("client")
    assert service in await trial.paas("marketplace")
    await trial.paas("create-service", service, plan, name)
    try:
        await trial.paas("bind-service", app, name)
        await trial.paas("restart", app)
        await trial.web.until(host, "/", "probe ")
        answer = await trial.web.value(host, f"/service?kind={service}&name={name}&word=kept-{trial.mark}")
        assert answer == {"result": f"kept-{trial.mark}"}, answer
        await trial.paas("unbind-service", app, name)
    finally:
        await trial.paas("delete-service", name, "-f")
    assert name not in await trial.paas("services")
