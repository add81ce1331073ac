"""What the demo says: numbered phases, remarks beneath them, each with the seconds it took."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.demo.record import default_directory


@dataclass
class Telling:
    """Prints as things happen, and keeps the seconds of each phase."""

    phases: int
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def phase(self, name: str, text: str) -> Generator[None]:
        """A numbered heading; its time is kept under `name`."""
        print(f"\n[{len(self.seconds) + 1}/{self.phases}] {text}", flush=True)
        begin = time.monotonic()
        self.seconds[name] = 0.0
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - begin, 1)

    @contextmanager
    def doing(self, text: str) -> Generator[None]:
        """A remark that is completed with its seconds once the thing is done."""
        print(f"      {text} ...", end="", flush=True)
        begin = time.monotonic()
        try:
            yield
        except BaseException:
            print(flush=True)
            raise
        print(f" {time.monotonic() - begin:.1f} s", flush=True)

    def remark(self, text: str) -> None:
        """A line beneath the heading."""
        print("\n".join(f"      {line}".rstrip() for line in text.splitlines()), flush=True)


def shown(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def farewell(address: str, directory: Path, top: Path, memory: str) -> str:
    """Where it answers, what to try, how to remove it. Every line works as it stands, one after the other."""
    manifest, scale = top / "manifests/local/demo.yml", top / "manifests/local/ops/scale-web.yml"
    demo = shown(top / "bin/demo") + ("" if directory == default_directory() else f" --dir {directory}")
    return f"""
{memory}

  open      {address}
            curl {address}

  try       source {directory / "env"}
            meristem -d demo instances --ps
            meristem -d demo deploy {shown(manifest)} -o {shown(scale)} -v web_instances=2
            meristem -d demo logs web
            {demo} --inside meristem -d demo ssh web -c uptime

  remove    {demo} --down
"""
