"""Calls counted in a task's own output: CPI requests from its `cpi` output, requests to agents from its `debug` output."""

from __future__ import annotations

import json
import re
from collections import Counter

from tests.e2e.loopback.api import Api

CPI = re.compile(r"^\S+ \[cpi-\d+\] (\w+): (\{.*)$")
AGENT = re.compile(r"SENT: agent\.(\S+) (\{.*)$")


def cpi_calls(api: Api, task: int) -> Counter[str]:
    """CPI calls of a task, by method. Each request is one line with its JSON; answers do not begin with a brace."""
    found: Counter[str] = Counter()
    for line in api.log(task, "cpi").splitlines():
        match = CPI.match(line)
        if match:
            found[match[1]] += 1
    return found


def agent_calls(api: Api, task: int) -> Counter[str]:
    """Requests to agents in a task, by method."""
    return sum(agent_calls_by_agent(api, task).values(), Counter[str]())


def agent_calls_by_agent(api: Api, task: int) -> dict[str, Counter[str]]:
    """Requests to agents in a task, by agent id and method."""
    found: dict[str, Counter[str]] = {}
    for line in api.log(task).splitlines():
        match = AGENT.search(line)
        if match:
            found.setdefault(match[1], Counter())[json.loads(match[2])["method"]] += 1
    return found
