"""Secrets stay out of logs."""

from __future__ import annotations

from cpi import redact
from cpi.conformance.case import case
from cpi.conformance.trial import Trial

SOURCE = "bosh: redaction of CPI calls (create_vm env, cloud properties, CPI config)"


@case(
    "secret.env",
    must="Nothing of the env that create_vm is given may stand in a log or in an error, but for group, groups and tags.",
    why="The env holds the keys by which an agent is reached; logs are kept, shipped and shown to many.",
    source=SOURCE,
)
async def env(trial: Trial) -> None:
    await trial.vm()
    await trial.attempt("create_vm", *trial.vm_arguments(await trial.gone("stemcell")))
    bad = trial.vm_arguments(await trial.stemcell())
    bad[3] = {"odd": {"type": "quantum", "ip": "nowhere", "cloud_properties": {}}}
    await trial.attempt("create_vm", *bad)
    for line in _words(trial):
        for mark in trial.shared.marks:
            trial.expect(mark not in line, f"a part of env was logged: {line.replace(mark, '[the secret]')[:300]}")


@case(
    "secret.properties",
    must="No password, key or token of the CPI's properties may stand in a log or in an error.",
    why="They are the keys to the whole cloud.",
    source=SOURCE,
)
async def properties(trial: Trial) -> None:
    known = redact.secrets(trial.config.properties) | set(trial.config.secrets)
    await trial.vm()
    await trial.attempt("delete_disk", await trial.gone("disk"))
    for line in _words(trial):
        for secret in known:
            trial.expect(secret not in line, f"a secret was logged: {line.replace(secret, '[the secret]')[:300]}")


def _words(trial: Trial) -> list[str]:
    lines = [line for word in trial.subject.words for line in word.splitlines()]
    for path in trial.config.logs:
        if path.is_file():
            lines += path.read_text(errors="replace").splitlines()
    return lines
