from __future__ import annotations

import os
import subprocess
import sys

import pytest

from meristem.cli.verbs import ALIASES, VERBS

HEAVY = {"httpx2", "yaml", "rich", "paramiko", "cryptography", "meristem.formats", "meristem.cli.director", "asyncio"}


def cpu_seconds(*words: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-m", "meristem.cli.main", *words], check=True, capture_output=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def test_help_is_quick() -> None:
    assert min(cpu_seconds("--help") for _ in range(5)) <= 0.150


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\nfrom meristem.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not HEAVY & set(done.stderr.split())
    assert set(VERBS) <= set(done.stdout.split())


def test_every_alias_names_a_verb() -> None:
    assert set(ALIASES.values()) <= set(VERBS)
    assert not set(ALIASES) & set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_loads_and_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from meristem.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert not ended.value.code
    assert len(capsys.readouterr().out.splitlines()) >= 4


def test_the_command_line_imports_only_formats() -> None:
    program = (
        "import sys, pkgutil, importlib, meristem.cli as cli\n"
        "for found in pkgutil.walk_packages(cli.__path__, 'meristem.cli.'):\n    importlib.import_module(found.name)\n"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"director", "cpi", "agent", "stemcells", "lab"} & {name.split(".")[0] for name in done.stdout.split()}
