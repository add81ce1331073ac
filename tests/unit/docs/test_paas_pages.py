"""The reference of the PaaS says what specs, the bus's rights, the routes and the client say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import paas.messages
import pytest
from paas.client.main import paas as client

from lab.pages import paas_api, paas_commands, paas_properties
from lab.proof.told import in_page
from meristem.cli.verb import VerbGroup
from meristem.cli.verbs import ALIASES, VERBS

TREE = Path(__file__).resolve().parents[3]
PAGE = (TREE / "docs/reference/paas.md").read_text()
RELEASE = TREE / "releases/paas"


FOLLOWED = (
    "README.md",
    "docs/tutorial/first-app.md",
    "docs/how-to/deploy-the-paas.md",
    "docs/how-to/fill-the-package-cache.md",
)
PROGRAMS: dict[str, click.Group] = {"paas": client, "meristem": VerbGroup(VERBS, ALIASES, name="meristem")}


def rows(heading: str, number: int = 0) -> list[list[str]]:
    """Cells of a section's table, without head and rule."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section, re.M)
    lines = tables[number].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("made", [paas_api, paas_commands, paas_properties], ids=lambda made: made.__name__)
def test_pages_that_are_made_are_up_to_date(made: ModuleType) -> None:
    assert made.PAGE.read_text() == made.page(), f"run `python -m {made.__name__}`"


def test_each_property_has_its_line() -> None:
    page = paas_properties.PAGE.read_text()
    for name, spec in paas_properties.specs().items():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `([\w.]+)` \|", section, re.M) == list(spec.properties), name
        assert all(one.description for one in spec.properties.values()), name


def test_each_job_is_there_with_its_links_and_ports() -> None:
    told = {code(row[0])[0]: row for row in rows("Jobs")}
    specs = paas_properties.specs()
    assert sorted(told) == sorted(specs)
    for name, spec in specs.items():
        _, _, ports, provides, consumes = told[name]
        assert code(provides) == [one.name for one in spec.provides], name
        assert sorted(code(consumes)) == sorted(one.name for one in spec.consumes), name
        for key, one in spec.properties.items():
            if re.search(r"(?:^|_|\.)port$", key):
                assert str(one.default) in re.findall(r"\d+", ports), f"{name}: {key} {one.default}"


def test_properties_that_an_operator_sets_first_are_there() -> None:
    text = PAGE.partition("What an operator sets first: ")[2].partition(".\n\n")[0]
    specs = paas_properties.specs()
    for part in text.split(";"):
        names = code(part)
        jobs = [name for name in names if name in specs]
        assert jobs, part
        assert set(names) - set(jobs) <= {one for job in jobs for one in specs[job].properties}, part


def test_rights_on_the_bus() -> None:
    template = (RELEASE / "jobs/nats/templates/nats.conf.erb").read_text()
    given = {
        user: (publish.split(), subscribe.split())
        for user, publish, subscribe in re.findall(
            r'^ {4}"(\w+)" => \{\s*publish: (?:%w)?\[([^\]]*)\],\s*subscribe: %w\[([^\]]*)\],?\s*\}', template, re.M
        )
    }
    assert len(given) >= 7
    told = {code(row[0])[0]: (code(row[1]), code(row[2])) for row in rows("The bus")}
    assert {user: told[user] for user in told if not user.startswith("SERVICE")} == given
    for kind in ("gateway", "node"):
        says, hears = re.findall(
            rf'rights\["#{{service}}_{kind}"\] = {{ publish: \[(.*?)\], subscribe: \[(.*?)\] }}', template
        )[0]
        wanted = tuple(re.findall(r'"(.*?)"', each.replace("#{service}", "SERVICE")) for each in (says, hears))
        assert told[f"SERVICE_{kind}"] == wanted


def test_subjects_have_their_types_and_are_allowed() -> None:
    kinds = "".join(path.read_text() for path in Path(paas.messages.__file__).parent.glob("*.py"))
    subjects = [(one, row[1]) for row in rows("The bus", 1) for one in code(row[0])]
    for _, kind in subjects:
        for name in code(kind):
            assert re.search(rf"^class {name}\(", kinds, re.M), name
    allowed = {one for row in rows("The bus") for cell in row[1:] for one in code(cell)}
    concrete = {re.sub(r"\b(ID|PARTITION|NODE|APP)\b", "*", subject) for subject, _ in subjects}
    for right in allowed - {"staging", "staging.locate", "SERVICE.node_handles"}:
        if not right.endswith(">"):
            assert right in concrete, right


@pytest.mark.parametrize("name", FOLLOWED)
def test_commands_of_the_pages_are_understood(name: str) -> None:
    lines = "\n".join(in_page(TREE / name)).replace("\\\n", " ").splitlines()
    tried = 0
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words or words[0] not in PROGRAMS or "<<END" in words:
            continue
        if ">" in words:
            words = words[: words.index(">")]
        group = PROGRAMS[words[0]]
        # click's own reading of the line, without carrying it out
        with group.make_context(words[0], words[1:]) as context:
            rest = [*context._protected_args, *context.args]
            command = group.get_command(context, rest[0])
            assert command is not None, line
            with command.make_context(rest[0], rest[1:], parent=context):
                tried += 1
    assert tried
