"""Build the agent's zipapp: ``python -m agent.build OUT.pyz``. The NATS client comes from the running environment."""

from __future__ import annotations

import argparse
import importlib.metadata
import py_compile
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

_INTERPRETER = b"#!/usr/bin/python3\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_START = "from __future__ import annotations\n\nimport sys\n\nfrom agent.__main__ import main\n\nsys.exit(main())\n"


def build(target: Path) -> None:
    """Write the zipapp to ``target``. The same sources give the same bytes. SystemExit if the NATS client is absent."""
    entries: dict[str, bytes] = {"__main__.py": _START.encode()}
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        if path != Path(__file__):
            entries[f"agent/{path.relative_to(package)}"] = path.read_bytes()
    entries.update(_client())
    entries.update(_compiled(entries))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as temporary:
        temporary.write(_INTERPRETER)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in sorted(entries.items()):
                archive.writestr(_info(name), data)
    written = Path(temporary.name)
    written.chmod(0o755)
    shutil.move(written, target)


def _compiled(sources: dict[str, bytes]) -> dict[str, bytes]:
    """Byte code beside the sources: it halves the start; another Python version takes the sources."""
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "source.py"), Path(folder, "result.pyc")
        for name, data in sources.items():
            if name.endswith(".py") and name != "__main__.py":
                source.write_bytes(data)
                py_compile.compile(
                    str(source),
                    cfile=str(result),
                    dfile=name,
                    doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )
                found[f"{name}c"] = result.read_bytes()
    return found


def _client() -> dict[str, bytes]:
    """The files of the NATS client, with its licence."""
    try:
        files = importlib.metadata.files("nats-py") or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit("nats-py is not installed in this environment; install the project's dependencies") from None
    found: dict[str, bytes] = {}
    for file in files:
        wanted = file.parts[0] == "nats" and file.suffix == ".py"
        if wanted or "licen" in file.name.lower() or file.name == "METADATA":
            found[str(file)] = Path(str(file.locate())).read_bytes()
    if "nats/aio/client.py" not in found:
        raise SystemExit("the installed nats-py holds no nats/aio/client.py; install it as a wheel")
    return found


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m agent.build", description="Build the agent's zipapp.")
    parser.add_argument("out", type=Path, help="the file to write, e.g. meristem-agent.pyz")
    build(parser.parse_args(sys.argv[1:]).out)
