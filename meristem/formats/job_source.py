"""A job in a release directory: spec, monit, templates, its fingerprint and its archive."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from meristem.formats import archive_writer, fingerprint, job_spec
from meristem.formats.errors import FormatError
from meristem.formats.fingerprint import SourceFile
from meristem.formats.job_spec import JobSpec


@dataclass(frozen=True)
class JobSource:
    """A job ready to be fingerprinted and archived."""

    spec: JobSpec
    files: tuple[SourceFile, ...]

    def fingerprint(self, *, sha2: bool = False) -> str:
        """Identity over spec, monit, templates and schema."""
        return fingerprint.calculate(self.files, follow_symlinks=True, sha2=sha2)

    def write_archive(self, target: Path) -> None:
        """Archives the job with its spec as job.MF."""
        with tempfile.TemporaryDirectory(prefix="job-") as scratch:
            stage = Path(scratch)
            for file in self.files:
                place = stage / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.path, place)
            archive_writer.write_tree(stage, target)


def read(release_dir: Path, name: str) -> JobSource:
    """Reads jobs/<name>. Errors: 80001 no spec, 80002 missing template, 80004 no monit, others of the spec."""
    directory = release_dir / "jobs" / name
    spec_file = directory / "spec"
    if not spec_file.is_file():
        raise FormatError(
            80001,
            f"Missing job manifest for '{name}'",
            place=f"jobs/{name}",
            remedy=f"Create jobs/{name}/spec with name, templates, packages and properties.",
        )
    spec = job_spec.parse(spec_file.read_bytes(), f"jobs/{name}/spec", name)
    files = [SourceFile(spec_file, "job.MF")]
    monits = sorted(path for path in directory.iterdir() if path.name == "monit" or path.suffix == ".monit")
    if not monits:
        raise FormatError(
            80004,
            f"Job '{name}' is missing monit file",
            place=f"jobs/{name}",
            remedy="Add a file 'monit'; it may be empty.",
        )
    files += [SourceFile(path, path.name) for path in monits]
    schema = directory / "properties_schema.json"
    if schema.is_file():
        files.append(SourceFile(schema, schema.name))
    for source in spec.templates:
        path = directory / "templates" / source
        if not path.is_file():
            raise FormatError(
                80002,
                f"Missing template file '{source}' for job '{name}'",
                place=f"jobs/{name}/spec",
                remedy=f"Add jobs/{name}/templates/{source}, or drop it from the spec.",
            )
        files.append(SourceFile(path, f"templates/{source}"))
    return JobSource(spec, tuple(files))
