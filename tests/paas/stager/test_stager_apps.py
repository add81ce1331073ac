"""Apps of each kind become droplets without the internet."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.paas.stager.staging_place import StagingPlace

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
    outcome = await place.stage(FLASK, app_id="flask")
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.detected_buildpack == "python"
    assert outcome.reply.process_types == {"web": "gunicorn --bind 0.0.0.0:$PORT app:app"}
    names = outcome.names()
    assert {"./app/app.py", "./deps/0/bin/python", "./deps/0/bin/gunicorn", "./.profile.d/000_deps.sh"} <= set(names)
    assert not [name for name in names if name.split("/")[1] not in ("app", "deps", ".profile.d", "staging_info.yml")]
    info = yaml.safe_load(outcome.file("staging_info.yml"))
    assert info["start_command"] == "gunicorn --bind 0.0.0.0:$PORT app:app" and info["detected_buildpack"] == "python"
    assert "Staging complete" in outcome.log and "flask" in outcome.log
    again = await place.stage(FLASK, app_id="flask")
    assert again.reply.error == "" and "Took the build artifacts cache" in again.log


async def test_node_with_packages_from_the_package_cache(place: StagingPlace) -> None:
    outcome = await place.stage(EXPRESS)
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.process_types == {"web": "node server.js"}
    assert "./app/node_modules/express/package.json" in outcome.names()


async def test_pages(place: StagingPlace) -> None:
    outcome = await place.stage({"index.html": "hello", "style.css": "", "Staticfile": "pushstate: enabled\n"})
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.process_types == {"web": "/home/vcap/app/boot.sh"}
    assert outcome.file("app/public/index.html") == b"hello"
    assert b"/index.html;" in outcome.file("app/nginx/nginx.conf")


async def test_a_program_with_its_procfile(place: StagingPlace) -> None:
    outcome = await place.stage({"run": "#!/bin/bash\nsleep 100\n", "Procfile": "web: ./run\nworker: ./run w\n"})
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.process_types == {"web": "./run", "worker": "./run w"}
    assert [one["name"] for one in outcome.reply.buildpacks] == ["binary"]
