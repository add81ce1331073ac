"""Release and stemcell files that are not what they should be: named by member and key, nothing kept."""

from __future__ import annotations

import pytest

from tests.contract.bad_input.desk import BadInput, job_archive, release, sha1, stemcell, tgz

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEB = job_archive()


def job(**replaced: object) -> dict[str, object]:
    return {"name": "web", "version": sha1(WEB), "fingerprint": sha1(WEB), "sha1": sha1(WEB), **replaced}


RELEASES = {
    "not an archive": (b"hello", ["archive"]),
    "cut off": (release(version="7")[:200], ["archive"]),
    "no release.MF": (tgz({"jobs/web.tgz": WEB}), ["Release manifest not found", "release.MF"]),
    "release.MF not yaml": (tgz({"release.MF": "a: [", "jobs/web.tgz": WEB}), ["release.MF"]),
    "no name": (release(version="7", name=None), ["name", "release.MF"]),
    "bad name": (release(version="7", name="a b"), ["a b", "release.MF"]),
    "bad version": (release(version="1 2"), ["1 2", "release.MF"]),
    "job missing": (release(version="7", jobs=[job(), job(name="gone")]), ["gone"]),
    "job digest": (release(version="7", jobs=[job(sha1="0" * 40)]), ["jobs/web.tgz"]),
    "job archive broken": (release(b"hello", version="7"), ["jobs/web.tgz"]),
    "job without spec": (release(tgz({"monit": ""}), version="7"), ["web", "job.MF"]),
    "job without monit": (release(tgz({"job.MF": "name: web\ntemplates: {}"}), version="7"), ["monit"]),
    "job of another name": (release(job_archive(spec="name: other\ntemplates: {}"), version="7"), ["other"]),
    "template missing": (
        release(job_archive(spec="name: web\ntemplates: {gone.erb: bin/x}"), version="7"),
        ["gone.erb"],
    ),
    "package missing": (
        release(
            version="7",
            packages=[{"name": "p", "version": "f", "fingerprint": "f", "sha1": "0" * 40, "dependencies": []}],
        ),
        ["'p/f'"],
    ),
    "package of nobody": (
        release(
            version="7",
            packages=[{"name": "p", "version": "f", "fingerprint": "f", "sha1": "0" * 40, "dependencies": ["q"]}],
        ),
        ["q"],
    ),
    "same version, other job": (release(job_archive("other")), ["30013", "shop/1"]),
    "same version, other commit": (release(commit_hash="xyz"), ["commit_hash"]),
    "climbs out": (tgz({"../evil": "x", "release.MF": "name: x"}), [".."]),
}


@pytest.mark.parametrize("name", RELEASES)
async def test_a_release_is_refused_and_nothing_of_it_kept(desk: BadInput, name: str) -> None:
    body, named = RELEASES[name]
    before = await desk.picture()
    error = await desk.upload("/releases", body)
    for word in named:
        assert word in error or word.isdigit(), error
    assert len(error) > len(named[0]) + 10, "no remedy"
    assert await desk.picture() == before


STEMCELLS = {
    "not an archive": (b"hello", ["archive"]),
    "no manifest": (tgz({"image": b"x"}), ["stemcell.MF"]),
    "no image": (tgz({"stemcell.MF": "name: a\nversion: 1\nsha1: x\n"}), ["image"]),
    "digest": (stemcell(sha1="0" * 40, version="3"), ["image"]),
    "no name": (stemcell(name=None, version="3"), ["name", "stemcell.MF"]),
    "bad version": (stemcell(version="1 2"), ["1 2"]),
    "api version": (stemcell(api_version="many", version="3"), ["api_version"]),
    "format of no CPI": (stemcell(stemcell_formats=["punch-cards"], version="3"), ["punch-cards", "memory"]),
}


@pytest.mark.parametrize("name", STEMCELLS)
async def test_a_stemcell_is_refused_and_no_cloud_hears_of_it(desk: BadInput, name: str) -> None:
    body, named = STEMCELLS[name]
    before = await desk.picture()
    error = await desk.upload("/stemcells", body)
    for word in named:
        assert word in error, error
    assert await desk.picture() == before


async def test_a_digest_given_with_the_upload_is_checked(desk: BadInput) -> None:
    before = await desk.picture()
    error = await desk.upload("/releases", release(version="8"), sha1="sha256:" + "0" * 64)
    assert "0" * 64 in error
    assert await desk.picture() == before
