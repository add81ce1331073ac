"""The buildpack of the how-to page, packed by the page's own commands: it stages an app, which runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paas.stager.droplet_run import answer_of
from tests.paas.stager.staging_place import ROOT, StagingPlace

pytestmark = pytest.mark.lab

PAGE = ROOT / "docs/how-to/write-a-buildpack.md"
APP = {
    "app.pl": """use strict; use IO::Socket::INET; use Greeting;
my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
  <$client>;
  my $body = Greeting::word() . " " . ($ENV{PERL_LWP_SSL_CA_FILE} ? "set" : "unset");
  print $client "HTTP/1.0 200 OK\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body";
  close $client;
}
""",
    "vendor/Greeting.pm": "package Greeting; sub word { 'hello' } 1;\n",
}


async def test_the_page(place: StagingPlace, tmp_path: Path) -> None:
    shutil.copytree(PAGE.parent / "perl_buildpack", tmp_path / "perl_buildpack")
    (commands,) = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.S | re.M)
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True)
    one = await place.admin_buildpack("perl_buildpack", (tmp_path / "perl_buildpack.zip").read_bytes())
    buildpacks = [one, *place.admin]
    outcome = await place.stage(APP, app_id="greeter", admin_buildpacks=buildpacks)
    assert outcome.reply.error == "", outcome.log
    assert outcome.reply.detected_buildpack == "perl" and outcome.reply.process_types == {"web": "perl app.pl"}
    assert "1 modules of vendor/" in outcome.log
    assert await answer_of(place, outcome) == "hello set"
    stamp = re.search(r"first staged at \S+", outcome.log)
    again = await place.stage(APP, app_id="greeter", admin_buildpacks=buildpacks)
    assert stamp and stamp[0] in again.log
    broken = await place.stage({"app.pl": "sub {"}, admin_buildpacks=buildpacks)
    assert broken.reply.error_type == "BuildpackCompileFailed"
    assert "bin/finalize of buildpack perl_buildpack ended with 1" in broken.reply.error
    assert "Missing right curly" in broken.log and "does not compile" in broken.log
    by_name = await place.stage(APP, admin_buildpacks=buildpacks, buildpacks=["perl_buildpack"])
    assert by_name.reply.error == "" and [one["name"] for one in by_name.reply.buildpacks] == ["perl_buildpack"]
