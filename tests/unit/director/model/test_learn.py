"""Why Structs are learned before there are threads, and that they are."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from director.adapters.store.sql import open_store
from director.model.learn import learn

ROOT = Path(__file__).resolve().parents[4]
TWO_THREADS = """
import sys, threading
import msgspec
from director.model.learn import learn

looking, seen = threading.Event(), threading.Event()

def hold():
    if threading.current_thread() is not threading.main_thread():
        looking.set()
        seen.wait(10)
    return int

class Inner(msgspec.Struct):
    number: "hold()"

class Outer(msgspec.Struct):
    inner: Inner

if sys.argv[1] == "learned":
    learn()
first = threading.Thread(target=lambda: msgspec.json.Decoder(Outer))
first.start()
looking.wait(0 if sys.argv[1] == "learned" else 10)
print(msgspec.json.Decoder(Outer).decode(b'{"inner": {"number": 1}}'), flush=True)
seen.set()
first.join()
"""


def decode_in_two_threads(how: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", TWO_THREADS, how]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_what_was_learned_is_decoded_by_any_thread() -> None:
    done = decode_in_two_threads("learned")
    assert (done.returncode, done.stdout) == (0, "Outer(inner=Inner(number=1))\n"), done.stderr


def test_the_library_still_needs_it() -> None:
    """When this fails, msgspec has mended it, and `learn` can go."""
    assert decode_in_two_threads("unlearned").returncode == -signal.SIGSEGV


async def test_a_store_is_not_opened_without_it() -> None:
    store = await open_store(":memory:")
    await store.close()
    assert learn() == 0
