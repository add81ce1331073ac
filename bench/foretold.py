"""How near forecasts come: ``python -m bench.foretold``. Deploys over a simulated cloud, each asked beforehand how long it will take.

The first creates VMs (nothing is known then), the second grows the group (creations are known), the third and fourth change all instances in
place (the fourth knows what the third took), the last recreates them. Forecast and wall are seconds from the first step to the last.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml

from bench import goods
from bench.stage import Stage, stage
from bench.stretch import PROPERTIES

INSTANCES, WIDTH, PARALLEL, WATCH = 40, 20, 8, 1000


def measure(*, quick: bool = False) -> dict[str, Any]:
    """By deploy: ``forecast`` (None: nothing was known), ``whole`` (all of it was), ``wall``, ``ratio`` of wall to forecast; ``savings`` told of
    the last update in place."""
    instances = 6 if quick else INSTANCES
    steps: list[tuple[str, int, str, dict[str, str]]] = [
        ("create", instances, "hello", {}),
        ("grow", 2 * instances, "hello", {}),
        ("update", 2 * instances, "good day", {}),
        ("update_again", 2 * instances, "good night", {}),
        ("recreate", 2 * instances, "good night", {"recreate": "true"}),
        ("recreate_again", 2 * instances, "good night", {"recreate": "true"}),
    ]
    told: dict[str, Any] = {"instances": 2 * instances}
    with stage(PROPERTIES, width=WIDTH) as made:
        for name, count, greeting, query in steps:
            wanted = goods.manifest({"web": count}, width=PARALLEL, watch=WATCH, greeting=greeting)
            told[name] = _one(made, yaml.safe_dump(wanted, sort_keys=False).encode(), query)
    return told


def _one(made: Stage, manifest: bytes, query: dict[str, str]) -> dict[str, Any]:
    headers = {"content-type": "text/yaml"}
    plan = made.http.post("/deployments/bench/plan", content=manifest, headers=headers, params=query).json()
    task = made.start("POST", "/deployments", manifest, **query)
    made.wait(task, 300)
    report = made.get(f"/tasks/{task}/report")
    forecast = plan["forecast"]["seconds"]
    return {
        "forecast": forecast,
        "whole": plan["forecast"]["whole"],
        "wall": report["actual"],
        "ratio": round(report["actual"] / forecast, 3) if forecast else None,
        "downtime": [(one["seconds"], one["longest"]) for one in plan["forecast"]["downtime"]],
        "held": report["critical_path"]["held"],
        "savings": report["savings"],
    }


if __name__ == "__main__":
    print(json.dumps(measure(quick="--quick" in sys.argv), indent=1, ensure_ascii=False))
