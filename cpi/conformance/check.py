"""One check of one CPI: made ready, case after case, and everything removed at the end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from cpi.client import CpiClient
from cpi.conformance import probes
from cpi.conformance.case import CASES, BrokenError, Case, SkippedError
from cpi.conformance.clients import client_of
from cpi.conformance.config import Config
from cpi.conformance.ledger import Ledger
from cpi.conformance.result import Outcome, Result
from cpi.conformance.shared import Shared
from cpi.conformance.subject import Subject
from cpi.conformance.trial import Trial
from cpi.contract import CpiError

LAST_WORDS = 12


def all_cases() -> list[Case]:
    """Every case, in its order."""
    from cpi.conformance import cases as cases  # fills the table

    return list(CASES.values())


def chosen(only: Iterable[str]) -> list[Case]:
    """The cases of these ids, or of ids that begin so; all for none. KeyError names one that matches nothing."""
    words, known = list(only), all_cases()
    for word in words:
        if not any(_matches(one, word) for one in known):
            raise KeyError(word)
    return [one for one in known if not words or any(_matches(one, word) for word in words)]


def _matches(case: Case, word: str) -> bool:
    return case.id == word or case.id.startswith(f"{word.rstrip('.')}.")


class Check:
    """`begin`, then `run` for each case, then `end`, which must be called whatever happened."""

    def __init__(self, name: str, config: Config | None = None, *, client: CpiClient | None = None) -> None:
        """`client` for a CPI that is reached by a way of its own; else `name` is a plugin's, or an executable's path."""
        self.name = name
        self.config = config or Config.default()
        self._scratch = tempfile.TemporaryDirectory(prefix="cpi-check-")
        used = client or client_of(name, self.config.environment, self._hear)
        self.subject = Subject(name, used, self.config)
        self.shared = Shared(self.subject, Path(self._scratch.name))

    async def begin(self) -> None:
        """Start the CPI and look what the cloud holds. CpiError or ProbeError if that cannot be."""
        await self.subject.start()
        if self.config.has("probes.inventory"):
            self.subject.there_before = self.shared.before = await probes.inventory(self.config)

    async def run(self, case: Case) -> Result:
        """Run one case and remove what it made."""
        reason = self._left_out(case)
        if reason:
            return Result(case, "skipped", 0.0, reason)
        began, heard = time.monotonic(), len(self.subject.words)
        trial = Trial(self.subject, self.shared, Ledger(self.subject))
        outcome: Outcome = "passed"
        seen: list[str] = []
        try:
            await case.body(trial)
        except SkippedError as skip:
            outcome, seen = "skipped", [str(skip)]
        except BrokenError as broken:
            outcome, seen = "failed", [str(broken)]
        except CpiError as error:
            outcome, seen = "failed", [f"{error.type_name}: {error.message}"]
        except probes.ProbeError as error:
            outcome, seen = "failed", [str(error)]
        finally:
            try:
                await self.subject.settled()
                left = await self.shared.discard_vm() if outcome == "failed" and trial.dirty else []
                left += await trial.ledger.clear()
            finally:  # cut short in the middle of this, the last clean-up goes on with what is left
                self.shared.ledger.take_over(trial.ledger)
        if left:
            outcome, seen = "failed", [*seen, *left]
        words = tuple(self.subject.words[heard:][-LAST_WORDS:]) if outcome == "failed" else ()
        return Result(case, outcome, time.monotonic() - began, "; ".join(seen), words)

    async def end(self) -> list[str]:
        """Remove what is shared and end the CPI; what could not be removed."""
        try:
            return await self.shared.clear()
        finally:
            await self.subject.close()
            self._scratch.cleanup()

    def _hear(self, line: str) -> None:
        self.subject.hear(line)

    def _left_out(self, case: Case) -> str:
        missing = [method for method in case.needs if method not in self.subject.declared]
        if missing:
            return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not declared"
        unset = [name for name in case.wants if not self.config.has(name)]
        if unset:
            return f"the configuration has no {', '.join(unset)}"
        if case.version and case.version not in self.subject.versions:
            return f"version {case.version} is not spoken"
        return ""
