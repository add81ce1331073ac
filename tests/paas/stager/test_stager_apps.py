"""Apps of each kind become droplets without the internet."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from paas.containers.protocol import Create, Limits

from lab.ports import free_port
from tests.paas.stager.droplet_run import answer_of
from tests.paas.stager.staging_place import StagingPlace, zipped
from tests.paas.warden.own_network import INSIDE, OUTSIDE

pytestmark = pytest.mark.lab

FLASK = {
    "requirements.txt": "flask\ngunicorn\n",
    "app.py": "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef hello():\n    return 'hello'\n",
    "runtime.txt": "python-3.11.x\n",
}
EXPRESS = {
    "package.json": json.dumps({"name": "a", "dependencies": {"express": "*"}, "scripts": {"start": "node server.js"}}),
    "server.js": "require('express')().get('/', (q, r) => r.send('hello')).listen(process.env.PORT)\n",
}


async def test_python_with_packages_from_the_package_cache(place: StagingPlace) -> None:
    outcome = await place.stage(FLASK)
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.detected_buildpack == "python"
    assert outcome.reply.process_types == {"web": "gunicorn --bind 0.0.0.0:$PORT app:app"}
    names = outcome.names()
    assert {"./app/app.py", "./deps/0/bin/python", "./deps/0/bin/gunicorn", "./.profile.d/000_deps.sh"} <= set(names)
    assert not [name for name in names if name.split("/")[1] not in ("app", "deps", ".profile.d", "staging_info.yml")]
    info = yaml.safe_load(outcome.file("staging_info.yml"))
    assert info["start_command"] == "gunicorn --bind 0.0.0.0:$PORT app:app" and info["detected_buildpack"] == "python"
    assert "Staging complete" in outcome.log and "flask" in outcome.log
    assert await answer_of(place, outcome) == "hello"


async def test_node_with_packages_from_the_package_cache(place: StagingPlace) -> None:
    outcome = await place.stage(EXPRESS)
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.process_types == {"web": "node server.js"}
    assert "./app/node_modules/express/package.json" in outcome.names()
    assert await answer_of(place, outcome) == "hello"


async def test_pages(place: StagingPlace) -> None:
    outcome = await place.stage({"index.html": "hello", "style.css": "", "Staticfile": "pushstate: enabled\n"})
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.process_types == {"web": "/home/vcap/app/boot.sh"}
    assert outcome.file("app/public/index.html") == b"hello"
    assert await answer_of(place, outcome, "/no/such/page") == "hello"


async def test_a_program_with_its_procfile(place: StagingPlace) -> None:
    outcome = await place.stage({"run": "#!/bin/bash\nsleep 100\n", "Procfile": "web: ./run\nworker: ./run w\n"})
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.process_types == {"web": "./run", "worker": "./run w"}
    assert [one["name"] for one in outcome.reply.buildpacks] == ["binary"]


async def test_python_with_wheels_that_were_pushed(place: StagingPlace, tmp_path: Path) -> None:
    wheel = tmp_path / "own_thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("own_thing.py", "word = 'vendored'\n")
        archive.writestr("own_thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: own-thing\nVersion: 1.0\n")
        archive.writestr(
            "own_thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("own_thing-1.0.dist-info/RECORD", "")
    app: dict[str, str | bytes] = {
        "requirements.txt": "own-thing==1.0\n",
        f"vendor/{wheel.name}": wheel.read_bytes(),
        "Procfile": "web: python -c 'import own_thing; print(own_thing.word)'\n",
    }
    outcome = await place.stage(app)
    assert outcome.reply.error == "", outcome.log
    assert "Installing from vendor/" in outcome.log and any("own_thing.py" in name for name in outcome.names())
    missing = await place.stage({**app, "requirements.txt": "own-thing==1.0\nnot-in-any-cache\n"})
    assert missing.reply.error_type == "BuildpackCompileFailed" and "not-in-any-cache" in missing.log
    assert "push its wheels in vendor/" in missing.log
    other = await place.stage({**app, "runtime.txt": "python-2.7.18"})
    assert "runtime.txt asks for Python 2.7.18, this stack has 3.11" in other.log


async def test_an_app_of_two_buildpacks_by_name(place: StagingPlace) -> None:
    files: dict[str, str | bytes] = {
        "package.json": json.dumps({"engines": {"node": ">=18"}}),
        "Procfile": "web: python -c 'import os,sys,http.server as h; import subprocess as s; "
        'open("index.html","w").write(s.getoutput("node -p 6*7")+os.environ["NODE_ENV"]+sys.prefix); '
        'h.HTTPServer(("",int(os.environ["PORT"])),h.SimpleHTTPRequestHandler).serve_forever()\'\n',
    }
    outcome = await place.stage(files, buildpacks=["nodejs", place.admin[2].key])
    assert outcome.reply.error == "", outcome.log
    assert [one["name"] for one in outcome.reply.buildpacks] == ["nodejs", "python"]
    assert outcome.reply.detected_buildpack == "python"
    assert await answer_of(place, outcome) == "42production/home/vcap/deps/1"
    wrong = await place.stage(files, buildpacks=["binary", "python"])
    assert "buildpack binary has no bin/supply, so that it can only stand last" in wrong.reply.error


async def test_a_buildpack_at_an_address_which_staging_may_reach_or_not(place: StagingPlace, tmp_path: Path) -> None:
    # the older interface, in the one folder of the zip that archives of repositories have
    bodies = {
        "compile": "echo $2 > $1/compiled; echo $GREETING",
        "release": "echo 'default_process_types: {web: ./go}'",
    }
    zips = zipped({f"repo-main/bin/{name}": f"#!/bin/bash\n{body}\n" for name, body in bodies.items()})
    (tmp_path / "own.zip").write_bytes(zips)
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", INSIDE, "--directory", str(tmp_path), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://{INSIDE}:{port}/own.zip"
            outcome = await place.stage({"a": "b"}, buildpacks=[url])
            assert outcome.reply.error_type == "BuildpackCompileFailed"
            assert "cannot be reached from staging" in outcome.reply.error and "`egress`" in outcome.reply.error
            place.stop()
            place.start(egress=[{"destination": INSIDE, "ports": str(port), "protocol": "tcp"}])
            outcome = await place.stage({"a": "b"}, buildpacks=[url], environment=["GREETING=good day"])
            assert outcome.reply.error == "", outcome.log
            assert outcome.reply.process_types == {"web": "./go"} and outcome.reply.buildpacks[0]["url"] == url
            assert outcome.file("app/compiled").startswith(b"/home/vcap/cache/")
            assert "good day" in outcome.log and "good day" not in place.log
            gone = await place.stage({"a": "b"}, buildpacks=[f"{url}x"])
            assert "the server answers 404" in gone.reply.error
        finally:
            server.terminate()


TRY = """#!/usr/bin/python3
import os, socket, sys
for name, host, port in (line.split() for line in os.environ["PLACES"].splitlines()):
    try:
        socket.create_connection((host, int(port)), 10).close()
        print(name, "reached")
    except OSError as error:
        print(name, "refused")
open(sys.argv[1] + "/services", "w").write(os.environ["VCAP_SERVICES"])
"""


async def test_what_a_buildpack_keeps_is_there_at_the_next_staging_of_the_app(place: StagingPlace) -> None:
    keep = "cat $2/kept; echo once >> $2/kept"
    one = await place.admin_buildpack(
        "keeps", zipped({"bin/detect": "#!/bin/sh\n", "bin/compile": f"#!/bin/sh\n{keep}\n"})
    )
    logs = [(await place.stage({"a": "b"}, app_id="kept", admin_buildpacks=[one])).log for _ in range(3)]
    assert [log.count("once") for log in logs] == [0, 1, 2]
    other = await place.stage({"a": "b"}, app_id="another", admin_buildpacks=[one])
    assert "once" not in other.log
    await place.put("buildpack_cache/kept-cflinuxfs-deb12", b"damaged")
    damaged = await place.stage({"a": "b"}, app_id="kept", admin_buildpacks=[one])
    assert damaged.reply.error == "" and "cache is damaged and is not used" in damaged.log


async def test_a_buildpack_reaches_the_package_cache_and_nothing_else(place: StagingPlace) -> None:
    one = await place.admin_buildpack("tries", zipped({"bin/detect": "#!/bin/sh\n", "bin/compile": TRY}))
    services = [{"label": "postgres", "name": "db", "credentials": {"password": "hidden"}}]
    serve = [sys.executable, "-u", "-m", "http.server", "--bind", OUTSIDE, "8000"]
    with (
        subprocess.Popen([*place.outside, *serve], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as beyond,
        socket.create_server((INSIDE, free_port())) as listener,
    ):
        try:
            assert beyond.stdout is not None
            beyond.stdout.readline()
            places = [f"cache {INSIDE} {place.cache.port}", f"machine {INSIDE} {listener.getsockname()[1]}"]
            places.append(f"beyond {OUTSIDE} 8000")
            environment = ["PLACES=" + "\n".join(places)]
            # a container that is not closed, such as an app's, does reach it
            assert await open_container(place, f"{OUTSIDE} 8000") == ["reached"]
            outcome = await place.stage({"a": "b"}, admin_buildpacks=[one], environment=environment, services=services)
        finally:
            beyond.kill()
    assert outcome.reply.error == "", outcome.log
    told = [line.text for line in outcome.lines if line.text.split()[-1] in ("reached", "refused")]
    assert told == ["cache reached", "machine refused", "beyond refused"]
    assert json.loads(outcome.file("app/services"))["postgres"][0]["name"] == "db"
    assert "hidden" not in place.log


async def open_container(place: StagingPlace, where: str) -> list[str]:
    """What one that is not closed says of an address."""
    limits = Limits(memory_mb=64, disk_mb=16, pids=16)
    container = await place.warden.client.create(
        Create(handle="open", rootfs=place.config["stacks"]["cflinuxfs-deb12"], limits=limits)
    )
    try:
        host, port = where.split()
        process = await container.script(f"exec 3<>/dev/tcp/{host}/{port} && echo reached || echo refused")
        return [line.text async for batch in process.output() for line in batch.lines]
    finally:
        await container.destroy()
