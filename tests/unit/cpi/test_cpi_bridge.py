"""The bridge to one-shot executables, with real executables."""

from __future__ import annotations

import asyncio
import json
import os
import time

import pytest

from cpi.bridge import ExecutableClient, executable_of
from cpi.contract import (
    CloudError,
    CpiError,
    DeadlineExceeded,
    DiskNotFound,
    InvalidResponse,
    MethodNotImplemented,
    NotSupported,
    UnknownCpiError,
    VMCreationFailed,
    VMNotFound,
)

GOOD = '{"result": "vm-1", "error": null, "log": ""}'


@pytest.fixture
def executable(tmp_path):
    """Writes a shell program that is the CPI; its request is kept in `request.json`."""

    def write(body: str) -> ExecutableClient:
        path = tmp_path / "cpi"
        path.write_text(f"#!/bin/sh\nset -f\ncat > {tmp_path}/request.json\n{body}\n")
        path.chmod(0o755)
        return ExecutableClient(path)

    return write


@pytest.fixture
def answers(executable):
    """A CPI that answers the given text."""
    return lambda text: executable(f"cat <<'END'\n{text}\nEND")


async def test_the_request_is_that_of_the_contract(answers, tmp_path):
    context = {"director_uuid": "u", "request_id": "cpi-000001", "vm": {"stemcell": {"api_version": 3}}}
    assert await answers(GOOD).call("create_vm", ["a", "s", {}, {}, [], {}], context, api_version=2) == "vm-1"
    request = json.loads((tmp_path / "request.json").read_text())
    assert request == {
        "method": "create_vm",
        "arguments": ["a", "s", {}, {}, [], {}],
        "context": {"director_uuid": "u", "request_id": "cpi-000001", "vm": {"stemcell": {"api_version": 3}}},
        "api_version": 2,
    }
    await answers(GOOD).call("info", [], context, api_version=None)
    assert "api_version" not in json.loads((tmp_path / "request.json").read_text())


async def test_the_environment_is_that_of_the_contract(executable, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("TMPDIR", "/tmp")
    monkeypatch.setenv("DIRECTOR_PASSWORD", "s3cret")
    await executable(f"env > {tmp_path}/env; echo '{GOOD}'").call("info")
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "TMPDIR"}  # those of the shell aside
    assert "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n" in (tmp_path / "env").read_text()


async def test_the_exit_code_does_not_count(executable):
    assert await executable(f"echo '{GOOD}'; exit 3").call("has_vm", ["x"]) == "vm-1"


async def test_stderr_streams_into_the_log_without_secrets(executable, tmp_path):
    """The second line is written only when the first has been read."""
    seen: list[str] = []
    client = executable(
        f"echo first pw=s3cretpw >&2; until [ -e {tmp_path}/read ]; do sleep 0.01; done; echo second >&2; echo '{GOOD}'"
    )

    def read(line: str) -> None:
        seen.append(line)
        (tmp_path / "read").touch()

    await client.call("info", [], {"password": "s3cretpw"}, deadline=60, log=read)
    assert seen == ["first pw=<redacted>", "second"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "Bosh::Clouds::VMNotFound", "message": "m", "ok_to_retry": False}, VMNotFound),
        ({"type": "Bosh::Clouds::DiskNotFound", "message": "m", "ok_to_retry": True}, DiskNotFound),
        ({"type": "Bosh::Clouds::NotSupported", "message": "m", "ok_to_retry": False}, NotSupported),
        ({"type": "Bosh::Clouds::NotImplemented", "message": "m", "ok_to_retry": False}, MethodNotImplemented),
        ({"type": "Bosh::Clouds::CloudError", "message": "m", "ok_to_retry": False}, CloudError),
        ({"type": "Bosh::Clouds::CpiError", "message": "m", "ok_to_retry": False}, CpiError),
        ({"type": "Bosh::Clouds::VMCreationFailed", "message": "m", "ok_to_retry": True}, VMCreationFailed),
        ({"type": "InvalidCall", "message": "Method is not known, got x", "ok_to_retry": False}, MethodNotImplemented),
        (
            {"type": "Bosh::Clouds::CloudError", "message": "Invalid Method: x", "ok_to_retry": False},
            MethodNotImplemented,
        ),
        ({"type": "Bosh::Clouds::CloudError", "message": "An Invalid Method: x", "ok_to_retry": False}, CloudError),
    ],
)
async def test_errors_are_mapped(answers, error, kind):
    with pytest.raises(CpiError) as raised:
        await answers(json.dumps({"result": None, "error": error, "log": ""})).call("delete_vm", ["x"])
    assert type(raised.value) is kind
    assert raised.value.ok_to_retry is error["ok_to_retry"]


async def test_an_unknown_error_keeps_its_name_and_the_public_words(answers):
    error = {"type": "Some::Thing", "message": "broke", "ok_to_retry": False}
    with pytest.raises(UnknownCpiError) as raised:
        await answers(json.dumps({"result": None, "error": error, "log": ""})).call(
            "create_vm", [], {"request_id": "cpi-123456"}
        )
    assert str(raised.value) == (
        "Unknown CPI error 'Some::Thing' with message 'broke' in 'create_vm' CPI method (CPI request ID: 'cpi-123456')"
    )
    assert raised.value.type_name == "Some::Thing"


MALFORMED = [
    ("", "nothing"),
    ("oops", "it is not a hash"),
    ("{", "it is not a hash"),
    ('"text"', "it is not a hash"),
    ("[]", "it is not a hash"),
    ("null", "it is not a hash"),
    ("7", "it is not a hash"),
    ("{}", "key 'result' is missing"),
    ('{"result": 1}', "key 'error' is missing"),
    ('{"error": null, "log": ""}', "key 'result' is missing"),
    ('{"result": 1, "error": null}', "key 'log' is missing"),
    ('{"result": 1, "error": null, "log": null}', "key 'log' must be a string"),
    ('{"result": 1, "error": null, "log": 5}', "key 'log' must be a string"),
    ('{"result": 1, "error": null, "log": []}', "key 'log' must be a string"),
    ('{"result": 1, "error": "text", "log": ""}', "key 'error' must be a hash or null"),
    ('{"result": 1, "error": [], "log": ""}', "key 'error' must be a hash or null"),
    ('{"result": 1, "error": false, "log": ""}', "key 'error' must be a hash or null"),
    ('{"result": 1, "error": {}, "log": ""}', "key 'error.type' is missing"),
    ('{"result": 1, "error": {"type": "T"}, "log": ""}', "key 'error.message' is missing"),
    ('{"result": 1, "error": {"message": "m", "ok_to_retry": true}, "log": ""}', "key 'error.type' is missing"),
    ('{"result": 1, "error": {"type": "T", "message": "m"}, "log": ""}', "key 'error.ok_to_retry' is missing"),
    (
        '{"result": 1, "error": {"type": 1, "message": "m", "ok_to_retry": true}, "log": ""}',
        "'error.type' must be a str",
    ),
    ('{"result": 1, "error": {"type": "T", "message": {}, "ok_to_retry": true}, "log": ""}', "'error.message' must be"),
    ('{"result": 1, "error": {"type": "T", "message": "m", "ok_to_retry": 1}, "log": ""}', "must be a boolean"),
    ('{"result": 1, "error": {"type": "T", "message": "m", "ok_to_retry": null}, "log": ""}', "must be a boolean"),
    ('{"result": 1, "error": null, "log": ""} trailing', "it is not a hash"),
    ('{"result": 1, "error": null, "log": ""}\n{"result": 2, "error": null, "log": ""}', "it is not a hash"),
    ('debug line\n{"result": 1, "error": null, "log": ""}', "it is not a hash"),
    ("{'result': 1, 'error': None, 'log': ''}", "it is not a hash"),
]


@pytest.mark.parametrize(("text", "words"), MALFORMED)
async def test_malformed_answers_are_refused(answers, text, words):
    with pytest.raises(InvalidResponse) as error:
        await answers(text).call("create_vm", [], {"request_id": "cpi-654321"})
    assert str(error.value).startswith("Invalid CPI response: ")
    assert words in str(error.value)
    assert "method 'create_vm' (CPI request ID: 'cpi-654321')" in str(error.value)
    assert error.value.facts.started is True


async def test_an_answer_that_is_no_text_is_refused(executable):
    with pytest.raises(InvalidResponse):
        await executable("printf '\\377\\376\\000'").call("info")


async def test_a_long_malformed_answer_is_quoted_in_part_and_without_secrets(answers):
    with pytest.raises(InvalidResponse) as error:
        await answers("password s3cretpw " + "x" * 5000).call("info", [], {"password": "s3cretpw"})
    assert len(str(error.value)) < 800
    assert "s3cretpw" not in str(error.value)


async def test_a_large_request_and_a_large_answer_pass(executable):
    big = "x" * 3_000_000
    client = executable(
        'printf \'{"result": "\'; head -c 3000000 /dev/zero | tr \'\\0\' y; echo \'", "error": null, "log": ""}\''
    )
    assert await client.call("info", [big]) == "y" * 3_000_000


async def test_an_executable_that_does_not_read_its_request_still_answers(tmp_path):
    path = tmp_path / "cpi"
    path.write_text(f"#!/bin/sh\necho '{GOOD}'\n")
    path.chmod(0o755)
    assert await ExecutableClient(path).call("info", ["x" * 3_000_000]) == "vm-1"


async def test_the_deadline_ends_the_whole_family(executable, tmp_path):
    client = executable(f"(sleep 3; touch {tmp_path}/late) & sleep 20")
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"did not end create_vm within 0\.3 s") as error:
        await client.call("create_vm", [], deadline=0.3)
    assert time.monotonic() - began < 10
    assert error.value.facts.started is True
    await asyncio.sleep(3.2)
    assert not (tmp_path / "late").exists()


async def test_calls_run_at_once(executable, tmp_path):
    """Each ends when all have begun."""
    (tmp_path / "begun").mkdir()
    waits = f"touch {tmp_path}/begun/$$; until [ $(ls {tmp_path}/begun | wc -l) = 6 ]; do sleep 0.02; done"
    client = executable(f"{waits}; echo '{GOOD}'")
    await asyncio.gather(*(client.call("info", deadline=60) for _ in range(6)))


async def test_a_missing_executable_is_named(tmp_path):
    with pytest.raises(CloudError, match="is not an executable file; install") as error:
        await ExecutableClient(tmp_path / "none").call("info")
    assert error.value.facts.started is False
    (tmp_path / "bad").write_text("#!/no/such/interpreter\n")
    os.chmod(tmp_path / "bad", 0o755)
    with pytest.raises(CloudError, match="cannot be run") as error:
        await ExecutableClient(tmp_path / "bad").call("info")
    assert error.value.facts.started is False


def test_where_the_executable_lies():
    assert str(executable_of("openstack")) == "/var/vcap/jobs/openstack_cpi/bin/cpi"
    assert str(executable_of("openstack", "/opt/cpi")) == "/opt/cpi"
