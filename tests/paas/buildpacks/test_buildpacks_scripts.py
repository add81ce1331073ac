"""The buildpacks' scripts by themselves: whom they know, how they say an app is started, what they refuse. Whole stagings are in tests/paas/stager."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.paas.stager.staging_place import BUILDPACKS, ORDER
from tests.programs import need


def write(app: Path, files: dict[str, str]) -> Path:
    """The app's files below `app`."""
    for name, text in files.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text)
    return app


def script(buildpack: str, name: str, *arguments: Path | str, **env: str) -> subprocess.CompletedProcess[str]:
    """One script, run as staging runs it, on this machine."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip("the buildpacks are for Debian's Python")
    if buildpack == "nodejs" and name != "detect":
        need("node")
        if not Path("/usr/bin/node").exists():
            pytest.skip("the buildpack is for Debian's Node.js")
    command = [str(BUILDPACKS / buildpack / "bin" / name), *map(str, arguments)]
    base = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, env={**base, **env}, timeout=60)


def first(app: Path) -> str:
    """The first buildpack that knows it, in the order of the release."""
    return next((name for name in ORDER if script(name, "detect", app).returncode == 0), "")


@pytest.mark.parametrize(
    ("files", "buildpack"),
    [
        (["requirements.txt"], "python"), (["pyproject.toml"], "python"), (["Pipfile.lock"], "python"), (["app.py"], "python"),
        (["Procfile", "serve.py"], "python"), (["package.json", "server.js"], "nodejs"), (["index.html"], "staticfile"),
        (["Staticfile", "site/index.html"], "staticfile"), (["Procfile", "program"], "binary"), (["program"], ""), (["readme.md"], ""),
        (["package.json", "index.html"], "staticfile"),
    ],
)  # fmt: skip
def test_apps_are_known_by_their_files(tmp_path: Path, files: list[str], buildpack: str) -> None:
    assert first(write(tmp_path, dict.fromkeys(files, "{}"))) == buildpack


@pytest.mark.parametrize(
    ("files", "web"),
    [
        ({"app.py": "app = 1\n", "requirements.txt": "Flask\ngunicorn==27\n"}, "gunicorn --bind 0.0.0.0:$PORT app:app"),
        ({"wsgi.py": "from x import y\napplication = y()\n", "requirements.txt": "gunicorn"}, "gunicorn --bind 0.0.0.0:$PORT wsgi:application"),
        ({"main.py": "print(1)\n", "requirements.txt": "gunicorn"}, "python main.py"),
        ({"app.py": "app = 1\n"}, "python app.py"),
        ({"manage.py": "", "site/wsgi.py": "", "requirements.txt": "django\ngunicorn"}, "gunicorn --bind 0.0.0.0:$PORT site.wsgi"),
        ({"manage.py": ""}, "python manage.py runserver --noreload 0.0.0.0:$PORT"),
        ({"requirements.txt": "x"}, None),
    ],
)  # fmt: skip
def test_python_says_how_an_app_is_started(tmp_path: Path, files: dict[str, str], web: str | None) -> None:
    types = json.loads(script("python", "release", write(tmp_path, files)).stdout)["default_process_types"]
    assert types == ({"web": web} if web else {})


@pytest.mark.parametrize(
    ("files", "web"),
    [
        ({"package.json": '{"scripts": {"start": "node --max-old-space-size=64 server.js"}}'}, "node --max-old-space-size=64 server.js"),
        ({"package.json": '{"scripts": {"start": "next start"}}'}, "npm start"),
        ({"package.json": '{"scripts": {"start": "node a.js && rm -rf /"}}'}, "npm start"),
        ({"package.json": '{"scripts": {"start": "node a.js", "prestart": "x"}}'}, "npm start"),
        ({"package.json": "{}", "server.js": ""}, "node server.js"),
        ({"package.json": '\ufeff{"main": "lib/m.js"}', "lib/m.js": ""}, 'node "lib/m.js"'),
        ({"package.json": "{}"}, None),
    ],
)  # fmt: skip
def test_node_says_how_an_app_is_started(tmp_path: Path, files: dict[str, str], web: str | None) -> None:
    types = json.loads(script("nodejs", "release", write(tmp_path, files)).stdout)["default_process_types"]
    assert types == ({"web": web} if web else {})


LOCKED = json.dumps(
    {
        "default": {
            "a": {"version": "==1.0", "markers": "python_version >= '3'"},
            "b": {"version": "==2", "extras": ["x"]},
        }
    }
)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"requirements.txt": "x", "runtime.txt": "python-3.9.1"}, "runtime.txt asks for Python 3.9.1, this stack has 3."),
        ({"requirements.txt": "x", "runtime.txt": "pypy"}, "'pypy' is no version of Python"),
        ({"requirements.txt": "x", ".python-version": "2"}, ".python-version asks for Python 2"),
        ({"requirements.txt": "x"}, "there is no package cache: put the wheels into vendor/"),
        ({"Pipfile.lock": "{"}, "Pipfile.lock cannot be read"),
        ({"Pipfile.lock": '{"default": {"a": {"git": "x"}}}'}, "a comes from neither an index nor vendor/"),
        ({"pyproject.toml": "[project\n"}, "pyproject.toml: "),
        ({"pyproject.toml": "[tool.poetry.dependencies]\na = '1'\n"}, "write requirements.txt with poetry export"),
        ({"pyproject.toml": "[project]\ndependencies = 'x'\n"}, "project.dependencies must be a list"),
        ({"pyproject.toml": "[project]\ndependencies = ['x']\n"}, "there is no package cache"),
        ({"Pipfile.lock": LOCKED}, "there is no package cache"),
    ],
)  # fmt: skip
def test_python_says_what_to_change(tmp_path: Path, files: dict[str, str], words: str) -> None:
    app = write(tmp_path / "app", files)
    done = script("python", "supply", app, tmp_path / "cache", tmp_path / "deps", "0")
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr, done
    if files.get("Pipfile.lock") == LOCKED:
        written = (tmp_path / "cache/requirements.txt").read_text()
        assert written == "a==1.0; python_version >= '3'\nb[x]==2\n"


def test_an_app_that_asks_for_nothing_has_its_python_all_the_same(tmp_path: Path) -> None:
    app = write(
        tmp_path / "app", {"app.py": "", "pyproject.toml": "[project]\nname = 'x'\n", "runtime.txt": "python-3.x\n"}
    )
    done = script("python", "supply", app, tmp_path / "cache", tmp_path / "deps", "1")
    assert done.returncode == 0, done.stderr
    told = subprocess.run(
        [tmp_path / "deps/1/bin/python", "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True
    )
    assert told.stdout.strip() == str(tmp_path / "deps/1")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("{", "package.json cannot be read"),
        ("[]", "not an object"),
        ('{"engines": {"node": ">=99"}}', "package.json asks for Node.js >=99"),
        ('{"engines": {"node": "newest"}}', "is no range of versions"),
        ('{"dependencies": {"a": "1"}}', "there is no package cache: push node_modules"),
    ],
)
def test_node_says_what_to_change(tmp_path: Path, manifest: str, words: str) -> None:
    app = write(tmp_path / "app", {"package.json": manifest})
    done = script("nodejs", "supply", app, tmp_path / "cache", tmp_path / "deps", "0")
    assert done.returncode == 1 and words in done.stderr and "at Object" not in done.stderr, done


SITE = {"index.html": "x", "css/a.css": "", ".htaccess": "hidden", "manifest.yml": "applications: []"}


def test_pages_at_the_top_are_served_without_what_says_how(tmp_path: Path) -> None:
    app = write(tmp_path, {**SITE, "Staticfile": "# how\n---\nssi: enabled\n"})
    done = script("staticfile", "finalize", app, "c", "d", "0", "p")
    assert done.returncode == 0, done.stderr
    served = {path.relative_to(app / "public").as_posix() for path in (app / "public").rglob("*") if path.is_file()}
    assert served == {"index.html", "css/a.css", ".htaccess"}
    text = (app / "nginx/nginx.conf").read_text()
    assert "ssi on;" in text and "autoindex" not in text and "location ~ /\\." in text
    assert os.access(app / "boot.sh", os.X_OK)


def test_a_staticfile_is_heeded(tmp_path: Path) -> None:
    told = "root: site\ndirectory: visible\nforce_https: true\nhttp_strict_transport_security: true\nhost_dot_files: true\nodd: x\n"
    app = write(tmp_path, {"site/a": "", "Staticfile": told, "Staticfile.auth": "u:$apr1$x", "secret": "s"})
    done = script("staticfile", "finalize", app, "c", "d", "0", "p")
    assert done.returncode == 0 and "'odd' is not known here" in done.stdout, done
    assert [path.name for path in (app / "public").iterdir()] == ["a"]
    text = (app / "nginx/nginx.conf").read_text()
    for words in (
        "autoindex on;",
        "return 301 https://$host$request_uri;",
        'Strict-Transport-Security "max-age',
        "auth_basic_user_file",
    ):
        assert words in text
    assert "location ~ /\\." not in text and (app / "nginx/users").read_text() == "u:$apr1$x"


@pytest.mark.parametrize(
    ("staticfile", "words"),
    [
        ("root: ../up", "leads out of the app"), ("root: /etc", "leads out of the app"), ("root: none", "'none' is no directory of the app"),
        ("pushstate: maybe", "line 1: pushstate is 'maybe'"), ("just words", "line 1: 'just words' is not of the form"),
        ('http_strict_transport_security: x"; evil', "cannot stand in a header"),
    ],
)  # fmt: skip
def test_a_staticfile_that_cannot_be_heeded_is_told(tmp_path: Path, staticfile: str, words: str) -> None:
    done = script("staticfile", "finalize", write(tmp_path, {**SITE, "Staticfile": staticfile}), "c", "d", "0", "p")
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr, done


def test_programs_that_lost_their_mode_can_be_run(tmp_path: Path) -> None:
    app = write(tmp_path, {"run": "#!/bin/sh\n", "data": "no program", "bin/tool": "\x7fELF..."})
    assert script("binary", "finalize", app, "c", "d", "0", "p").returncode == 0
    assert [os.access(app / name, os.X_OK) for name in ("run", "data", "bin/tool")] == [True, False, True]


def test_all_are_zipped_by_one_command_to_the_same_bytes(tmp_path: Path) -> None:
    for out in ("one", "two"):
        subprocess.run(["/usr/bin/env", "python3", str(BUILDPACKS / "make.py"), str(tmp_path / out)], check=True)
    for name in ORDER:
        data = (tmp_path / "one" / f"{name}.zip").read_bytes()
        assert data == (tmp_path / "two" / f"{name}.zip").read_bytes()
        with zipfile.ZipFile(tmp_path / "one" / f"{name}.zip") as archive:
            modes = {one.filename: one.external_attr >> 16 & 0o777 for one in archive.infolist()}
        assert {"bin/detect", "bin/release"} <= set(modes) and {
            modes[one] for one in modes if one.startswith("bin/")
        } == {0o755}
    wrong = subprocess.run(
        ["/usr/bin/env", "python3", str(BUILDPACKS / "make.py"), str(tmp_path), "cobol"], capture_output=True, text=True
    )
    assert wrong.returncode == 1 and "known are binary, nodejs, python, staticfile" in wrong.stderr
