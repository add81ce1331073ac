"""Links: who is matched with whom, what the consumer sees, and how failures are told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from director.manifest.cloud_config import load_cloud_config
from director.manifest.links import DnsPolicy, LinkedInstance, Links, resolve_links
from director.manifest.load import load_deployment
from director.manifest.variable_links import with_link_names
from director.model.deployment import Deployment, VariableWanted
from director.model.errors import BadRequest
from director.model.rows import JobRow

CLOUD = load_cloud_config(
    [
        (
            "cloud",
            """
vm_types: [{name: small}]
disk_types: [{name: d, disk_size: 1}]
networks:
- {name: front, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}
- {name: back, subnets: [{range: 10.1.0.0/24, gateway: 10.1.0.1}]}
compilation: {workers: 1, network: front, vm_type: small}
""",
        )
    ]
)


def row(name: str, **spec: Any) -> JobRow:
    return JobRow(name, "f", "v", "d", "b", {"name": name, **spec})


DB = row(
    "db",
    provides=[{"name": "conn", "type": "postgres", "properties": ["port", "auth.user"]}],
    properties={"port": {"default": 5432}, "auth.user": {}, "auth.password": {"default": "hidden"}},
)
APP = row("app", consumes=[{"name": "store", "type": "postgres"}])
MAYBE = row("maybe", consumes=[{"name": "store", "type": "postgres", "optional": True}])
SELF = row("self", consumes=[{"name": "peers", "type": "ring"}], provides=[{"name": "peers", "type": "ring"}])
PLAIN = row("plain", properties={"a.b": {"default": 1}})
DISK = row("disk", consumes=[{"name": "data", "type": "disk"}])
JOBS = {("r", one.name): one for one in (DB, APP, MAYBE, SELF, PLAIN, DISK)}


def deployment(*groups: str, features: str = "{}") -> Deployment:
    """Each group: ``name: rest of its keys``; two networks, front first unless the rest says otherwise."""
    body = ""
    for group in groups:
        name, _, rest = group.partition(":")
        networks = "" if "networks:" in rest else "networks: [{name: front, default: [dns, gateway]}, {name: back}], "
        body += f"- {{name: {name}, instances: 2, vm_type: small, stemcell: s, {networks}{rest}}}\n"
    return load_deployment(
        f"""name: shop
releases: [{{name: r, version: 1}}]
stemcells: [{{alias: s, os: o, version: 1}}]
update: {{canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}}
features: {features}
instance_groups:
{body}""",
        CLOUD,
    )


def instances(wanted: Deployment) -> list[LinkedInstance]:
    out: list[LinkedInstance] = []
    for number, group in enumerate(wanted.instance_groups):
        for index in (1, 0):
            held = {"front": f"10.0.{number}.{index + 10}", "back": f"10.1.{number}.{index + 10}"}
            names = [one.name for one in group.networks]
            addresses = {name: held[name] for name in names}
            out.append(
                LinkedInstance(group.name, f"{group.name}-id{index}", index, "z1", index == 0, addresses, names[0])
            )
    return out


def resolve(wanted: Deployment, **how: Any) -> Links:
    return resolve_links(wanted, JOBS, instances(wanted), **how)


def fault(wanted: Deployment, **how: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        resolve(wanted, **how)
    return caught.value


ONE_DB = "db: jobs: [{name: db, release: r, properties: {auth: {user: ada}}}]"
ONE_APP = "app: jobs: [{name: app, release: r}]"


def test_implicit_by_type() -> None:
    links = resolve(deployment(ONE_APP, ONE_DB))
    content = links.bound["app", "app"]["store"]
    assert content == {
        "deployment_name": "shop",
        "domain": "bosh",
        "default_network": "front",
        "networks": ["front", "back"],
        "instance_group": "db",
        "group_name": "conn-postgres",
        "properties": {"port": 5432, "auth": {"user": "ada"}},
        "use_short_dns_addresses": False,
        "use_dns_addresses": False,
        "use_link_dns_names": False,
        "instances": [
            {
                "name": "db",
                "id": f"db-id{n}",
                "index": n,
                "bootstrap": n == 0,
                "az": "z1",
                "address": f"10.0.1.{10 + n}",
            }
            for n in (0, 1)
        ],
    }
    assert links.rows()["links"][0]["provider"]["job"] == "db"


def addresses(content: dict[str, Any]) -> list[str]:
    return [one["address"] for one in content["instances"]]


@pytest.mark.parametrize(
    ("consumes", "expected"),
    [
        ("{from: conn}", ["10.0.1.10", "10.0.1.11"]),
        ("{from: shop.conn}", ["10.0.1.10", "10.0.1.11"]),
        ("{from: conn, network: back}", ["10.1.1.10", "10.1.1.11"]),
        ("{from: conn, deployment: shop}", ["10.0.1.10", "10.0.1.11"]),
        ("{from: conn, ip_addresses: false}", ["db-id0.db.front.shop.bosh", "db-id1.db.front.shop.bosh"]),
        ("{from: conn, network: back, ip_addresses: false}", ["db-id0.db.back.shop.bosh", "db-id1.db.back.shop.bosh"]),
    ],
)
def test_explicit(consumes: str, expected: list[str]) -> None:
    app = f"app: jobs: [{{name: app, release: r, consumes: {{store: {consumes}}}}}]"
    links = resolve(deployment(app, ONE_DB), dns=DnsPolicy(enabled=True))
    assert addresses(links.bound["app", "app"]["store"]) == expected


def test_dns_addresses_by_feature() -> None:
    wanted = deployment(ONE_APP, ONE_DB, features="{use_dns_addresses: true}")
    content = resolve(wanted, dns=DnsPolicy(enabled=True, domain="example")).bound["app", "app"]["store"]
    assert addresses(content)[0] == "db-id0.db.front.shop.example"
    assert addresses(resolve(wanted).bound["app", "app"]["store"])[0] == "10.0.1.10"


def test_addresses_of_dynamic_networks_are_names() -> None:
    wanted = deployment(ONE_APP, ONE_DB)
    found = [
        LinkedInstance("db", "i", 0, "", True, {"front": "", "back": "10.1.0.9"}, "front", ("front",)),
    ]
    content = resolve_links(wanted, JOBS, found).bound["app", "app"]["store"]
    assert addresses(content) == ["i.db.front.shop.bosh"]
    assert content["instances"][0]["az"] is None


def test_blocked_optional_manual_self_and_custom() -> None:
    maybe = "maybe: jobs: [{name: maybe, release: r}]"
    assert resolve(deployment(maybe)).bound == {}
    blocked = "app: jobs: [{name: app, release: r, consumes: {store: nil}}]"
    assert resolve(deployment(blocked, ONE_DB)).bound == {}
    hidden = "db: jobs: [{name: db, release: r, provides: {conn: nil}}]"
    assert resolve(deployment(maybe, hidden)).bound == {}
    manual = "app: jobs: [{name: app, release: r, consumes: {store: {instances: [{address: 1.2.3.4}], properties: {port: 1}}}}]"
    content = resolve(deployment(manual)).bound["app", "app"]["store"]
    assert (addresses(content), content["properties"], content["address"]) == (["1.2.3.4"], {"port": 1}, None)
    assert content["deployment_name"] == "shop"
    own = "self: jobs: [{name: self, release: r}]"
    assert len(resolve(deployment(own)).bound["self", "self"]["peers"]["instances"]) == 2
    custom = (
        "db: jobs: [{name: plain, release: r, provides: {pg: {as: main}},"
        " custom_provider_definitions: [{name: pg, type: postgres, properties: [a.b]}]}]"
    )
    app = "app: jobs: [{name: app, release: r, consumes: {store: {from: main}}}]"
    assert resolve(deployment(app, custom)).bound["app", "app"]["store"]["properties"] == {"a": {"b": 1}}


def test_named_disks_are_links_of_their_own_group() -> None:
    def group(name: str) -> str:
        disks = f"persistent_disks: [{{name: {name}-data, type: d}}]"
        return f"{name}: {disks}, jobs: [{{name: disk, release: r, consumes: {{data: {{from: {name}-data}}}}}}]"

    bound = resolve(deployment(group("a"), group("b"))).bound
    assert bound["b", "disk"]["data"]["properties"] == {"name": "b-data"}


def test_across_deployments() -> None:
    shared = "db: jobs: [{name: db, release: r, provides: {conn: {shared: true, as: main}}}]"
    kept = {"base": list(resolve(deployment(shared)).providers)}
    app = "app: jobs: [{name: app, release: r, consumes: {store: {from: main, deployment: base, network: back}}}]"
    links = resolve(deployment(app), others=kept)
    assert addresses(links.bound["app", "app"]["store"]) == ["10.1.0.10", "10.1.0.11"]
    assert links.rows()["links"][0]["provider"]["name"] == "conn"
    private = {
        "base": list(
            resolve(deployment(ONE_DB.replace("{name: db,", "{name: db, provides: {conn: {as: main}},"))).providers
        )
    }
    error = fault(deployment(app), others=private)
    assert error.code == 190016
    assert "Set 'shared: true' on it in deployment 'base'" in error.description


def test_shared_properties_keep_their_meaning_elsewhere() -> None:
    shared = "db: jobs: [{name: db, release: r, provides: {conn: {shared: true}}, properties: {auth: {user: 'u-((who.x))'}}}]"
    kept = {"base": list(resolve(deployment(shared), director="mst").providers)}
    app = "app: jobs: [{name: app, release: r, consumes: {store: {from: conn, deployment: base}}}]"
    content = resolve(deployment(app), others=kept).bound["app", "app"]["store"]
    assert content["properties"]["auth"] == {"user": "u-((/mst/shop/who.x))"}


def test_unknown_link_names_warn() -> None:
    app = "app: jobs: [{name: app, release: r, consumes: {store: {from: conn}, stoer: {from: conn}}}]"
    (warning,) = resolve(deployment(app, ONE_DB)).warnings
    assert "does not define link consumer 'stoer'" in warning
    assert "Did you mean 'store'?" in warning


def app(consumes: str) -> str:
    return f"app: jobs: [{{name: app, release: r, consumes: {{store: {consumes}}}}}]"


TWO = "db2: jobs: [{name: db, release: r}]"
AT = "(at manifest:7 /instance_groups/name=app/jobs/name=app/consumes/store)"

MISTAKES = [
    (
        [ONE_APP],
        [
            "type 'postgres' from job 'app' in instance group 'app'.",
            "No link providers found",
            AT,
            "provides type 'postgres'",
        ],
    ),
    ([ONE_APP, ONE_DB, TWO], ["Multiple link providers found:", "instance group 'db2'", "with 'provides"]),
    (["app: jobs: [{name: maybe, release: r}]", ONE_DB, TWO], ["Multiple link providers found:", "job 'maybe'"]),
    ([app("{from: con}"), ONE_DB], ["alias 'con'", "No link providers found", "Did you mean 'conn'?"]),
    (["app: jobs: [{name: maybe, release: r, consumes: {store: {}}}]", ONE_DB], ["'store'", "Known are: conn."]),
    ([app("{from: conn, network: side}"), ONE_DB], ["does not belong to network 'side'", "Known are: back, front."]),
    (
        [app("{from: conn, deployment: far}"), ONE_DB],
        ["deployment 'far', but the deployment does not exist", "None is defined"],
    ),
    ([app("{from: conn, instances: []}"), ONE_DB], ["both 'instances' and 'from'", "Remove 'from' or 'instances'"]),
    ([app("{properties: {a: 1}}"), ONE_DB], ["'properties' without 'instances'", "Add 'instances'"]),
    ([app("{from: conn, ip_addresses: 'yes'}"), ONE_DB], ["non boolean values for 'ip_addresses'", "true or false"]),
    ([app("{from: conn, type: postgres}"), ONE_DB], ["Cannot specify 'name' or 'type'", "'from' names the provider"]),
    (
        [ONE_APP, "db: jobs: [{name: db, release: r, provides: {conn: {name: x}}}]"],
        ["Cannot specify 'name' or 'type'", "provides/conn", "'as' renames"],
    ),
    (
        [
            ONE_DB,
            "x: jobs: [{name: plain, release: r, custom_provider_definitions: [{name: p, type: t, properties: [a.c]}]}]",
        ],
        ["Link property a.c in template plain is not defined in release spec", "Did you mean 'a.b'?", "manifest:8"],
    ),
    (
        ["x: jobs: [{name: db, release: r, custom_provider_definitions: [{name: conn, type: t}]}]"],
        ["Custom provider 'conn' in job 'db' in instance group 'x' is already defined in release 'r'", "another name"],
    ),
    (
        ["x: jobs: [{name: plain, release: r, custom_provider_definitions: [{name: a, type: t}, {name: a, type: t}]}]"],
        ["'a' in job 'plain' in instance group 'x' is defined multiple times", "Keep one"],
    ),
    (
        ["x: jobs: [{name: plain, release: r, custom_provider_definitions: [{name: a}]}]"],
        ["Type for custom link provider definition", "non-empty string", "Give it a 'type'"],
    ),
]


@pytest.mark.parametrize(("groups", "words"), MISTAKES)
def test_mistakes(groups: list[str], words: list[str]) -> None:
    error = fault(deployment(*groups))
    assert error.code == 190016
    assert error.message.startswith("Failed to resolve links from deployment 'shop'. See errors below:\n  - ")
    for word in words:
        assert word in error.description, error.description


def test_all_failures_are_told_together() -> None:
    error = fault(deployment(ONE_APP, "b: jobs: [{name: self, release: r, provides: {peers: nil}}]"))
    assert error.message.count("\n  - ") == 2


def test_a_job_that_the_release_lacks() -> None:
    error = fault(deployment("x: jobs: [{name: plane, release: r}]"))
    assert error.code == 140029
    assert "Did you mean 'plain'?" in error.description


def test_certificates_take_names_from_links() -> None:
    provider = "custom_provider_definitions: [{name: addr, type: address}]"
    wanted = deployment(f"db_1: jobs: [{{name: plain, release: r, {provider}}}]")
    variables = (
        VariableWanted("plain", "password"),
        VariableWanted(
            "cert",
            "certificate",
            {"alternative_names": ["x"]},
            consumes={
                "alternative_name": {"from": "addr", "properties": {"wildcard": True}},
                "common_name": {"from": "addr"},
            },
        ),
    )
    links = resolve(wanted)
    plain, cert = with_link_names(structs.replace(wanted, variables=variables), links)
    assert plain is variables[0]
    assert cert.options == {
        "alternative_names": ["x", "*.db-1.front.shop.bosh"],
        "common_name": "q-s0.db-1.front.shop.bosh",
    }
    lost = VariableWanted("c", "certificate", consumes={"common_name": {"from": "adr"}})
    with pytest.raises(BadRequest) as caught:
        with_link_names(structs.replace(wanted, variables=(lost,)), links)
    assert caught.value.code == 190016
    for word in ("from variable 'c'", "No link providers found", "Did you mean 'addr'?"):
        assert word in caught.value.description
