"""A test may take as long as its own marker says, though the watch over hung processes is shorter for all others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
SETTINGS = "[pytest]\ntimeout = 1\nfaulthandler_timeout = 1\nfaulthandler_exit_on_timeout = true\nmarkers =\n"
PATIENT = "import time, pytest\n@pytest.mark.timeout(60)\ndef test_a(): time.sleep(1.5)\n"
HASTY = "import time\ndef test_a():\n    while True:\n        try: time.sleep(60)\n        except BaseException: pass\n"


def run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "conftest.py").write_text((TOP / "tests/conftest.py").read_text())
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_test_with_time_of_its_own_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path, PATIENT)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_test_that_swallows_its_end_is_ended_with_its_process(tmp_path: Path) -> None:
    done = run(tmp_path, HASTY)
    assert done.returncode != 0
    assert "Timeout (0:00:01)!" in done.stderr
