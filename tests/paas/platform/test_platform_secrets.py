"""After all that was done on the platform, no secret is in a log, and none lies open in the database."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from tests.paas.platform.platform_site import ADMIN, Platform

SHORTEST = 12


def _words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in ("ca", "certificate", "public_key", "public_key_fingerprint"):
                yield from _words(one)
    elif isinstance(value, str):
        # of a key one line is enough, and grep reads by lines
        yield from (line for line in value.splitlines() if len(line) >= SHORTEST and not line.startswith("-----"))


def test_no_log_has_a_secret(platform: Platform, steady: str) -> None:
    secrets = sorted({ADMIN, *_words(yaml.safe_load(platform.secrets.read_text()))})
    assert len(secrets) > 25
    pattern = "\n".join(secrets)
    for row in platform.vms():
        command = f"cat > /tmp/secrets <<'END'\n{pattern}\nEND\ngrep -rlFf /tmp/secrets /var/vcap/sys/log; rm /tmp/secrets; ls /var/vcap/sys/log | wc -l"
        *found, jobs = platform.on(row["instance"], command).split()
        assert found == [], f"{row['instance']}: {found}"
        assert int(jobs) > 0, row["instance"]


def test_no_credential_lies_open_in_the_database(platform: Platform, steady: str) -> None:
    platform.paas("create-user-provided-service", "sealed", "-p", '{"key": "an-open-credential"}')
    platform.paas("set-env", steady, "SECRET", "an-open-variable")
    try:
        dump = (
            "for d in cloud_controller uaa postgres_gateway redis_gateway; do "
            "setpriv --reuid vcap --regid vcap --init-groups /var/vcap/packages/postgres/bin/pg_dump "
            "-h /var/vcap/sys/run/postgres -U vcap $d > /tmp/dump || exit 1; "
            "grep -cE 'an-open-(credential|variable)' /tmp/dump; wc -l < /tmp/dump; done; rm /tmp/dump"
        )
        told = platform.on("control/0", dump)
        counts = [int(word) for word in told.split()]
        assert counts[0::2] == [0, 0, 0, 0] and all(lines > 20 for lines in counts[1::2]), told
    finally:
        platform.paas("delete-service", "sealed", "-f")
        platform.paas("unset-env", steady, "SECRET")
