from __future__ import annotations

from typing import Any

import pytest

from director.model.actions import (
    CompilePackage,
    CreateStemcell,
    DeleteDeployment,
    DeleteInstance,
    DeleteStemcell,
    SaveDeployment,
)
from director.model.errors import AgentError, CloudError, DirectorError
from director.model.rows import (
    AddressRow,
    CompiledPackageRow,
    DeploymentRow,
    InstanceRow,
    StemcellRow,
    VariableRow,
    VariableSetRow,
    compiled_key,
)
from director.ports.store import Changes
from director.steps.step import Adopt, Repeat
from tests.unit.director.steps.bench import Bench


def compile_package(name: str = "web", *dependencies: tuple[str, str, str]) -> CompilePackage:
    return CompilePackage(
        agent_id="a1",
        release="r",
        name=name,
        version="9",
        fingerprint=f"f-{name}",
        digest="sha256:source",
        blob_id=f"source-{name}",
        stemcell="debian-12/1",
        dependency_key="[]",
        dependencies=dependencies,
    )


KEY = compiled_key("web", "f-web", "debian-12/1", "[]")


async def test_signed_urls_both_ways(bench: Bench) -> None:
    await bench.boot()
    await bench.do(compile_package("base"), "t1/base")
    base = await bench.store.get(CompiledPackageRow, compiled_key("base", "f-base", "debian-12/1", "[]"))
    assert base is not None
    asked: list[dict[str, Any]] = []
    guest = bench.guest()
    real = guest._compile_package_with_signed_url
    guest._compile_package_with_signed_url = lambda one: asked.append(one) or real(one)  # type: ignore[method-assign,func-returns-value]
    await bench.do(compile_package("web", ("base", "f-base", "[]")), "t1/web")
    row = await bench.store.get(CompiledPackageRow, KEY)
    assert row is not None
    assert await bench.blobs.exists(row.blob_id)
    assert asked == [
        {
            "package_get_signed_url": "memory://GET/source-web",
            "upload_signed_url": f"memory://PUT/{row.blob_id}",
            "digest": "sha256:source",
            "name": "web",
            "version": "f-web.1",
            "deps": {
                "base": {
                    "name": "base",
                    "version": "f-base.1",
                    "sha1": base.digest,
                    "blobstore_id": base.blob_id,
                    "package_get_signed_url": f"memory://GET/{base.blob_id}",
                }
            },
        }
    ]


async def test_a_second_try_writes_the_same_blob(bench: Bench) -> None:
    first = await bench.intend(compile_package())
    assert (await bench.intend(compile_package())).data == first.data
    assert (await bench.intend(compile_package(), "t1/other")).data != first.data


async def test_recovery(bench: Bench) -> None:
    await bench.boot()
    intent = await bench.intend(compile_package())
    assert isinstance(await bench.recover(compile_package(), intent), Repeat)
    await bench.do(compile_package())
    assert isinstance(await bench.recover(compile_package(), intent), Adopt)


async def test_compiled_meanwhile_is_not_compiled_again(bench: Bench) -> None:
    await bench.boot()
    await bench.do(compile_package())
    await bench.do(compile_package(), "t2/compile")
    assert len([one for one in bench.guest().did if one.startswith("compile")]) == 1


async def test_a_failure_names_the_package(bench: Bench) -> None:
    await bench.boot()
    bench.agents.script.fail(
        "compile_package_with_signed_url", AgentError("exit status 2", agent_id="a1", method="compile")
    )
    with pytest.raises(AgentError, match="Package 'web' could not be compiled: exit status 2"):
        await bench.do(compile_package())


@pytest.mark.parametrize("answer", [None, {}, {"result": {}}, {"result": {"sha1": 3}}, "text"])
async def test_malformed_answers(bench: Bench, answer: Any) -> None:
    await bench.boot()
    bench.guest()._compile_package_with_signed_url = lambda _: answer  # type: ignore[method-assign]
    with pytest.raises(DirectorError, match=r"answer to compile_package has no result"):
        await bench.do(compile_package())


async def test_a_result_that_never_arrived(bench: Bench) -> None:
    await bench.boot()
    bench.guest()._compile_package_with_signed_url = lambda _: {"result": {"sha1": "sha1:x"}}  # type: ignore[method-assign]
    with pytest.raises(DirectorError, match="did not arrive in the blobstore"):
        await bench.do(compile_package())
    assert await bench.store.get(CompiledPackageRow, KEY) is None


async def test_without_signed_urls_the_agent_chooses_the_blob(bench: Bench) -> None:
    await bench.boot(stemcell_api=2)
    await bench.blobs.put_bytes(b"compiled", blob_id="chosen")
    given: list[Any] = []

    def compile(*arguments: Any) -> dict[str, Any]:
        given.extend(arguments)
        return {"result": {"sha1": "sha1:x", "blobstore_id": "chosen"}}

    bench.guest()._compile_package = compile  # type: ignore[attr-defined]
    await bench.do(compile_package())
    assert given == ["source-web", "sha256:source", "web", "f-web.1", {}]
    row = await bench.store.get(CompiledPackageRow, KEY)
    assert row is not None and (row.blob_id, row.digest) == ("chosen", "sha1:x")


def stemcell() -> CreateStemcell:
    return CreateStemcell(
        object_key="ks",
        image_path="/image",
        cloud_properties={},
        row={"id": 7, "name": "t", "version": "2", "operating_system": "debian-12", "api_version": 3},
    )


async def test_stemcell(bench: Bench) -> None:
    await bench.intend(stemcell())
    row = await bench.store.get(StemcellRow, "t/2/")
    assert row is not None and row.cid == ""
    assert isinstance(await bench.recover(stemcell()), Repeat)
    bench.cloud.script.lose("create_stemcell", bench.cloud.unsettled("create_stemcell"))
    with pytest.raises(CloudError):
        await bench.do(stemcell())
    assert isinstance(await bench.recover(stemcell()), Adopt)
    row = await bench.store.get(StemcellRow, "t/2/")
    assert row is not None and row.cid in bench.cloud.inventory.stemcells
    await bench.do(DeleteStemcell(row_key="t/2/"))
    assert row.cid not in bench.cloud.inventory.stemcells
    assert await bench.store.get(StemcellRow, "t/2/") is None


async def test_deployment_rows(bench: Bench) -> None:
    await bench.do(SaveDeployment(row={"name": "web", "releases": [["r", "1"]], "variable_set": 2}))
    row = await bench.store.get(DeploymentRow, "web")
    assert row is not None and row.releases == (("r", "1"),)

    def variable(id: str, name: str) -> VariableRow:
        return VariableRow(id=id, name=name, type="password", sealed="", created_at=0)

    await bench.store.commit(
        Changes(
            put=[
                VariableSetRow(id=2, deployment="web"),
                VariableSetRow(id=3, deployment="web-2"),
                variable("1", "/My_Director/web/a"),
                variable("2", "/My_Director/web-2/a"),
                variable("3", "/shared"),
                AddressRow(address="10.0.0.3", network="n", deployment="web", owner="i1"),
                InstanceRow(id="i1", deployment="web", group="web", index=0),
            ]
        )
    )
    await bench.do(DeleteInstance(instance_id="i1"))
    assert await bench.store.find(AddressRow) == []
    assert await bench.store.get(InstanceRow, "i1") is None
    await bench.do(DeleteDeployment(name="web"))
    assert await bench.store.get(DeploymentRow, "web") is None
    assert [one.id for one in await bench.store.find(VariableSetRow)] == [3]
    assert [one.id for one in await bench.store.find(VariableRow)] == ["2", "3"]
