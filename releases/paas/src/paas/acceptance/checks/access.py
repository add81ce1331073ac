"""Roles and quotas."""

from __future__ import annotations

import secrets

from paas.acceptance.trial import Trial


async def an_auditor_may_not_change(trial: Trial) -> None:
    """Sees the apps, and is refused with 403 where something would change."""
    await trial.probe()
    user, password = f"auditor-{trial.mark}", secrets.token_urlsafe(12)
    await trial.paas("create-user", user, password)
    try:
        await trial.paas("set-space-role", user, trial.org, "main", "SpaceAuditor")
        auditor = trial.session("auditor")
        await auditor("target", trial.config.api)
        await auditor("login", "-u", user, "-p", password)
        await auditor("target", "-o", trial.org, "-s", "main")
        assert trial.name("probe") in await auditor("apps")
        await auditor("stop", trial.name("probe"), refused="not authorized")
        await auditor("scale", trial.name("probe"), "-i", "5", refused="not authorized")
    finally:
        await trial.paas("delete-user", user, "-f")


async def a_quota_is_kept(trial: Trial) -> None:
    """What would pass the organization's memory is refused, and said."""
    await trial.probe()
    quota = f"small-{trial.mark}"
    await trial.paas("create-org-quota", quota, "-m", "1G", "-r", "100", "-s", "10")
    await trial.paas("set-org-quota", trial.org, quota)
    try:
        await trial.paas("scale", trial.name("probe"), "-i", "20", refused="quota")
    finally:
        await trial.paas("set-org-quota", trial.org, "default")
        await trial.paas("delete-org-quota", quota, "-f")
