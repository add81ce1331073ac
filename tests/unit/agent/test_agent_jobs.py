"""apply, prepare, start, stop, scripts, drain, errands: with real scripts."""

from __future__ import annotations

import os
import stat
import time

import pytest
from agent_world import AgentWorld, Refused, waiting_for

from agent.supervise.monit_file import processes

SH = "#!/bin/sh\n"


def daemon(world: AgentWorld, name: str) -> dict[str, str]:
    """A job with a real process."""
    pid = world.layout.sys_run / name / "pid"
    return {
        "monit": f'check process {name} with pidfile {pid}\n  start program "{world.layout.jobs}/{name}/bin/ctl start"\n'
        f'  stop program "{world.layout.jobs}/{name}/bin/ctl stop"\n  group vcap\n',
        "bin/ctl": SH
        + f'case $1 in start) setsid sleep 300 >/dev/null 2>&1 & echo $! >{pid};; stop) kill "$(cat {pid})";; esac\n',
    }


def test_a_partial_apply_stores_the_spec_and_installs_nothing(world: AgentWorld) -> None:
    assert world.do("apply", {"deployment": "paas", "id": "7a7a", "job": {}, "index": 0, "networks": {}}) == "applied"
    state = world.ask("get_state")
    assert (state["deployment"], state["index"], state["agent_id"]) == ("paas", 0, "agent-1")
    assert state["networks"] == state["packages"] == state["resource_pool"] == {}
    assert state["job_state"] == "running" and state["processes"] == [] and "vitals" not in state
    assert (world.base / "instance" / "id").read_text() == "7a7a"


def test_networks_come_back_verbatim_and_dynamic_ones_are_filled(world: AgentWorld) -> None:
    manual = {"type": "manual", "ip": "10.0.0.7", "netmask": "255.255.255.0", "cloud_properties": {"name": "n"}}
    world.do("apply", {"networks": {"a": manual, "b": {"type": "dynamic"}}})
    networks = world.ask("get_state")["networks"]
    assert networks["a"] == manual
    assert networks["b"]["ip"] == "127.0.0.1"


def test_full_state_has_vitals_in_the_protocols_types(world: AgentWorld) -> None:
    vitals = world.ask("get_state", "full")["vitals"]
    assert set(vitals) == {"cpu", "mem", "swap", "load", "disk", "uptime"}
    assert all(isinstance(vitals["cpu"][key], str) for key in ("sys", "user", "wait"))
    assert len(vitals["load"]) == 3 and isinstance(vitals["load"][0], str)
    assert int(vitals["mem"]["kb"]) > 0 and 0 <= float(vitals["mem"]["percent"]) <= 100
    assert set(vitals["disk"]["system"]) == {"percent", "inode_percent"}
    assert isinstance(vitals["uptime"]["secs"], int)


def test_apply_installs_jobs_and_packages_and_an_update_replaces_them(world: AgentWorld) -> None:
    first = world.spec(
        {"router": {"bin/run": SH, "config/router.yml": "port: 1\n"}, "old": {"monit": ""}},
        {"nginx": {"sbin/nginx": "v1"}, "gone": {"x": "x"}},
    )
    assert world.do("prepare", first) == "prepared"
    assert not (world.layout.jobs / "router").exists()
    assert world.do("apply", first) == "applied"
    job = world.layout.jobs / "router"
    assert job.is_symlink() and (job / "config/router.yml").read_text() == "port: 1\n"
    assert stat.S_IMODE((job / "bin/run").stat().st_mode) == 0o750
    assert stat.S_IMODE((job / "config/router.yml").stat().st_mode) == 0o640
    assert (job / "packages/nginx/sbin/nginx").read_text() == "v1"
    assert stat.S_IMODE((world.layout.sys_log / "router").stat().st_mode) == 0o770

    second = world.spec({"router": {"bin/run": SH, "config/router.yml": "port: 2\n"}}, {"nginx": {"sbin/nginx": "v2"}})
    assert world.do("apply", second) == "applied"
    assert (job / "config/router.yml").read_text() == "port: 2\n"
    assert (world.layout.packages / "nginx/sbin/nginx").read_text() == "v2"
    assert sorted(os.listdir(world.layout.jobs)) == ["router"]
    assert sorted(os.listdir(world.layout.packages)) == ["nginx"]
    # The version before stays for a way back, older ones go.
    assert len(os.listdir(world.layout.data / "jobs/router")) == 2
    world.do("apply", second)
    assert len(os.listdir(world.layout.data / "jobs/router")) == 1


def test_a_blob_with_another_digest_is_refused(world: AgentWorld) -> None:
    spec = world.spec({"router": {"bin/run": SH}})
    blob = world.blobs / spec["rendered_templates_archive"]["blobstore_id"]
    blob.write_bytes(b"something else")
    with pytest.raises(Refused, match="expected sha256 digest"):
        world.do("apply", spec)
    assert not (world.layout.jobs / "router").exists()


def test_rendered_templates_that_came_over_the_bus_are_used_once(world: AgentWorld) -> None:
    import base64

    spec = world.spec({"router": {"bin/run": SH}})
    archive = spec["rendered_templates_archive"]
    path = world.blobs / archive["blobstore_id"]
    payload = base64.b64encode(path.read_bytes()).decode()
    path.unlink()
    request = {"blob_id": archive["blobstore_id"], "checksum": archive["sha1"], "payload": payload}
    assert world.do("upload_blob", request) == archive["blobstore_id"]
    assert world.do("apply", spec) == "applied"
    assert list(world.layout.sensitive_blobs.iterdir()) == []
    with pytest.raises(Refused, match="digest"):
        world.do("upload_blob", {**request, "checksum": "sha1:" + "0" * 40})


def test_start_and_stop_with_a_real_process(world: AgentWorld) -> None:
    world.do("apply", world.spec({"a": daemon(world, "a"), "b": daemon(world, "b")}))
    assert world.ask("start") == "started"
    state = world.ask("get_state")
    assert state["job_state"] == "running"
    assert sorted(row["name"] for row in state["processes"]) == ["a", "b"]
    assert sorted(os.listdir(world.layout.monit_jobs)) == ["0000_b.monitrc", "0001_a.monitrc"]
    pid = int((world.layout.sys_run / "a/pid").read_text())
    os.kill(pid, 9)
    deadline = time.monotonic() + 30
    while world.ask("get_state")["job_state"] != "failing":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert world.do("stop") == "stopped"
    assert world.ask("get_state")["job_state"] == "stopped"
    assert [p.pid for p in processes(daemon(world, "b")["monit"])] == [None]
    assert world.ask("start") == "started"
    assert world.ask("get_state")["job_state"] == "running"
    world.do("stop")


def test_scripts_of_all_jobs_run_with_their_logs_and_failures_are_counted(world: AgentWorld) -> None:
    good = {
        "bin/pre-stop": SH
        + 'echo "$BOSH_VM_NEXT_STATE $PATH"; echo oops >&2; env | cut -d= -f1 | sort | tr "\\n" " "\n'
    }
    jobs = {"a": good, "b": {"bin/pre-stop": SH + "exit 3\n"}, "c": {"bin/run": SH}}
    world.do("apply", world.spec(jobs))
    with pytest.raises(Refused) as refused:
        world.do("run_script", "pre-stop", {"env": {"BOSH_VM_NEXT_STATE": "keep"}})
    assert str(refused.value).endswith("1 of 2 pre-stop scripts failed. Failed Jobs: b. Successful Jobs: a.")
    out = (world.layout.sys_log / "a/pre-stop.stdout.log").read_text().splitlines()
    assert out[0] == "keep /usr/sbin:/usr/bin:/sbin:/bin"
    assert set(out[1].split()) - {"_", "PWD", "SHLVL", "OLDPWD"} == {"BOSH_VM_NEXT_STATE", "PATH"}
    assert (world.layout.sys_log / "a/pre-stop.stderr.log").read_text() == "oops\n"
    assert world.do("run_script", "post-start", {}) == {}


def test_drain_is_static_or_dynamic_and_gets_the_protocols_words(world: AgentWorld) -> None:
    note = world.base / "said"
    script = SH + (
        f'echo "$@ $BOSH_JOB_STATE $BOSH_JOB_NEXT_STATE" >>{note}\n[ $(wc -l <{note}) -ge 3 ] && echo 0 || echo -1\n'
    )
    first = world.spec({"a": {"bin/drain": script}}, {"same": {"x": "1"}, "p": {"x": "1"}})
    world.do("apply", first)
    second = world.spec({"a": {"bin/drain": script, "config": "new"}}, {"p": {"x": "2"}, "n": {"x": "1"}})
    second["packages"]["same"] = {**first["packages"]["same"], "signed_url": "https://another"}
    second["persistent_disk"] = 200
    assert world.do("drain", "update", second) == 0
    states = '{"persistent_disk": 100} {"persistent_disk": 200}'
    assert note.read_text().splitlines() == [
        f"job_changed hash_changed n p {states}",
        'job_check_status hash_unchanged {"persistent_disk": 100} ',
        'job_check_status hash_unchanged {"persistent_disk": 100} ',
    ]
    assert world.announced == []
    note.unlink()
    world.do("drain", "shutdown")
    assert note.read_text().splitlines()[0] == 'job_shutdown hash_unchanged {"persistent_disk": 100} '
    assert world.announced == ["shutdown"]


def test_drain_errors_are_clear(world: AgentWorld) -> None:
    world.do("apply", world.spec({"a": {"bin/drain": SH + "echo soon\n"}, "b": {"bin/drain": SH + "exit 4\n"}}))
    with pytest.raises(
        Refused, match=r"a: the script printed 'soon', expected one integer; b: the script exited with 4"
    ):
        world.do("drain", "shutdown")
    with pytest.raises(Refused, match="expected update or shutdown"):
        world.do("drain", "status")


def test_a_drain_can_be_cancelled(world: AgentWorld) -> None:
    began = world.base / "began"
    world.do("apply", world.spec({"a": {"bin/drain": SH + f"touch {began}; sleep 60; echo 0\n"}}))
    with waiting_for(began):
        started = world.ask("drain", "shutdown")
    assert world.ask("cancel_task", started["agent_task_id"]) == "canceled"
    with pytest.raises(Refused, match="cancelled"):
        world.await_end(started, timeout=30)


def test_an_errand_gives_its_output_and_code(world: AgentWorld) -> None:
    world.do("apply", world.spec({"smoke": {"bin/run": SH + "echo out; echo err >&2; exit 5\n"}}))
    expected = {"stdout": "out\n", "stderr": "err\n", "exit_code": 5}
    assert world.do("run_errand", "smoke") == expected
    assert world.do("run_errand") == expected
    with pytest.raises(Refused, match="job other is not among the applied jobs"):
        world.do("run_errand", "other")


def test_a_cancelled_errand_gets_term_and_still_yields_its_result(world: AgentWorld) -> None:
    began = world.base / "began"
    script = SH + f"trap 'echo bye; exit 9' TERM; touch {began}; sleep 60 & wait\n"
    world.do("apply", world.spec({"smoke": {"bin/run": script}}))
    with waiting_for(began):
        started = world.ask("run_errand", "smoke")
    assert world.ask("cancel_task", started["agent_task_id"]) == "canceled"
    assert world.await_end(started, timeout=30) == {"stdout": "bye\n", "stderr": "", "exit_code": 9}


def test_other_actions_cannot_be_cancelled(world: AgentWorld) -> None:
    started = world.ask("prepare", {})
    with pytest.raises(Refused, match="not supported"):
        world.ask("cancel_task", started["agent_task_id"])
