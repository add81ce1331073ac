from __future__ import annotations

from pathlib import Path


def test_director_error_is_one_line(world, run) -> None:
    world.replies["GET /deployments/gone"] = (404, {"code": 70000, "description": "Deployment 'gone' doesn't exist"})
    ran = run("manifest", "-d", "gone")
    assert ran.code == 1
    assert ran.err == "Director: Deployment 'gone' doesn't exist (code 70000, HTTP 404)\nExit code 1\n"


def test_error_in_json(world, run) -> None:
    world.replies["GET /locks"] = (500, "")
    ran = run("locks", "--json")
    assert ran.code == 1
    told = ["Director: no reason given (HTTP 500)", "The director's own log tells more.", "Exit code 1"]
    assert ran.json["Lines"][-3:] == told
    assert ran.err == ""


def test_wrong_password(world, run, monkeypatch) -> None:
    monkeypatch.setenv("BOSH_CLIENT_SECRET", "wrong-one")
    ran = run("locks")
    assert ran.code == 1
    assert "does not accept the credentials of 'admin'" in ran.err
    assert "log-in" in ran.err
    assert "wrong-one" not in ran.err


def test_unknown_ca(world, run, monkeypatch) -> None:
    monkeypatch.delenv("BOSH_CA_CERT")
    ran = run("locks")
    assert ran.code == 1
    assert "Cannot reach the director" in ran.err
    assert "--ca-cert" in ran.err


def test_nobody_there(world, run) -> None:
    ran = run("-e", "https://127.0.0.1:1", "locks")
    assert ran.code == 1
    assert "Cannot reach the director at https://127.0.0.1:1" in ran.err


def test_missing_environment_and_deployment(world, run, monkeypatch) -> None:
    ran = run("manifest")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "Expected non-empty deployment name.")
    monkeypatch.delenv("BOSH_ENVIRONMENT")
    ran = run("locks")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "Expected non-empty Director URL.")


def test_bad_ca_file(world, run, tmp_path: Path) -> None:
    assert "Cannot read CA certificate" in run("--ca-cert", str(tmp_path / "no.pem"), "locks").err
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    assert "CA certificate cannot be read" in run("--ca-cert", str(tmp_path / "bad.pem"), "locks").err


def test_unknown_verb_and_flag(run) -> None:
    assert run("frobnicate").code == 1
    assert "No such option" in run("locks", "--frob").err


def test_broken_file_names_its_line(world, run, tmp_path: Path) -> None:
    bad = tmp_path / "cloud.yml"
    bad.write_text("azs:\n- name: z1\n- name: [\n")
    ran = run("update-cloud-config", str(bad), "-n")
    assert ran.code == 1
    assert f"{bad}:4:1: invalid YAML" in ran.err
    assert not world.sent("POST", "/configs")
