"""Output and files of real containers: what is followed, what is passed over, what is copied."""

from __future__ import annotations

import asyncio
import os
import tarfile
from pathlib import Path
from uuid import uuid4

import pytest
from paas.containers.client import Container, ContainerError
from paas.containers.protocol import Create, Limits

from tests.paas.warden.warden_process import WardenProcess

pytestmark = pytest.mark.lab


@pytest.fixture
async def box(warden: WardenProcess) -> Container:
    limits = Limits(memory_mb=64, disk_mb=16, pids=40)
    return await warden.client.create(Create(handle=f"o{uuid4().hex[:10]}", rootfs="/", limits=limits))


async def test_who_comes_back_with_a_cursor_misses_and_repeats_nothing(box: Container) -> None:
    process = await box.script("for i in $(seq 2000); do echo $i; done")
    await process.wait()
    seen: list[str] = []
    cursor = ""
    async for batch in process.output():
        seen += [line.text for line in batch.lines]
        cursor = batch.cursor
        break
    assert 0 < len(seen) < 2000
    seen += [line.text async for batch in process.output(cursor) for line in batch.lines]
    assert seen == [str(i) for i in range(1, 2001)]


async def test_a_long_line_and_one_without_an_end_are_told(box: Container) -> None:
    process = await box.script("head -c 20000 /dev/zero | tr '\\0' x; echo; printf end")
    await process.wait()
    assert [line.text async for batch in process.output() for line in batch.lines] == ["x" * 20000, "end"]


async def test_a_flood_is_cut_and_said_to_be(box: Container) -> None:
    process = await box.script("yes 0123456789012345678901234567890123456789 | head -n 150000; echo the last line")
    passed, size, last = 0, 0, ""
    async for batch in process.output(rate=200_000):
        passed += batch.passed_over
        size += sum(len(line.text) for line in batch.lines)
        last = batch.lines[-1].text if batch.lines else last
    assert last == "the last line"
    assert passed > 1_000_000
    assert size < 4_000_000
    data = Path(box.warden.path).parent / "data/containers" / box.handle / "processes" / process.name / "log"
    assert data.stat().st_size <= 5 << 20


async def test_an_archive_is_unpacked_as_the_user(box: Container, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('hi')")
    (tmp_path / "app.py").chmod(0o755)
    with tarfile.open(tmp_path / "d.tgz", "w:gz") as archive:
        archive.add(tmp_path / "app.py", "app/app.py")
    await box.copy_in(str(tmp_path / "d.tgz"), "/home/vcap", unpack=True)
    process = await box.script("stat -c '%U %a' app/app.py; python3 app/app.py")
    assert [line.text async for batch in process.output() for line in batch.lines] == ["vcap 755", "hi"]


async def test_files_and_directories_go_in_and_come_out(box: Container, tmp_path: Path) -> None:
    (tmp_path / "tree/below").mkdir(parents=True)
    (tmp_path / "tree/below/one").write_bytes(os.urandom(100_000))
    await box.copy_in(str(tmp_path / "tree"), "/home/vcap/tree")
    await box.copy_in(str(tmp_path / "tree/below/one"), "/home/vcap/new/two")
    process = await box.script("cmp tree/below/one new/two && echo same > result")
    assert (await process.wait()).status == 0
    await box.copy_out("/home/vcap/result", str(tmp_path / "result"))
    await box.copy_out("/home/vcap/new/two", str(tmp_path / "two"))
    assert (tmp_path / "result").read_text() == "same\n"
    assert (tmp_path / "two").read_bytes() == (tmp_path / "tree/below/one").read_bytes()


async def test_copies_that_fail_say_why_and_leave_nothing(box: Container, tmp_path: Path) -> None:
    with pytest.raises(ContainerError, match="No such file"):
        await box.copy_in(str(tmp_path / "nothing"), "/home/vcap/x")
    with pytest.raises(ContainerError, match="No such file"):
        await box.copy_out("/home/vcap/nothing", str(tmp_path / "out"))
    (tmp_path / "big").write_bytes(bytes(20 << 20))
    with pytest.raises(ContainerError, match="No space left"):
        await box.copy_in(str(tmp_path / "big"), "/home/vcap/big")
    await (await box.script("head -c 2000 /dev/zero > more")).wait()
    with pytest.raises(ContainerError, match="larger than 1000 bytes"):
        await box.copy_out("/home/vcap/more", str(tmp_path / "out"), max_bytes=1000)
    assert not (tmp_path / "out").exists()


async def test_a_link_in_the_container_leads_to_no_file_of_the_machine(box: Container, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the machine's")
    await (await box.script(f"ln -s {tmp_path} way")).wait()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ContainerError):
        await box.copy_in(str(tmp_path / "file"), "/home/vcap/way/secret")
    assert secret.read_text() == "the machine's"


async def test_one_process_is_stopped_with_its_children(box: Container) -> None:
    one = await box.script("sleep 1000 & sleep 1000")
    other = await box.script("exec sleep 1000")
    await one.stop(grace=5)
    assert (await asyncio.wait_for(one.wait(), 30)).status == 143
    info = await box.info()
    assert [known.exit for known in info.processes if known.process == other.name] == [None]
    assert info.pids <= 4
