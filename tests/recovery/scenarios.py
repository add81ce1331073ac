"""The scenarios of which every journal point is tried: what comes before, and the deed itself."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tests.recovery.shop import Manifest, Shape
from tests.recovery.stories import Deed, Story


class Scenario(Struct, frozen=True):
    """The last deed of ``story`` is the one that is tried."""

    name: str
    story: Story

    @property
    def deed(self) -> int:
        return len(self.story.deeds) - 1


WEB = Shape("web", instances=2, max_in_flight=2)
DB = Shape("db", instances=1, job="db", disk=64)
SHOP = Manifest((DB, WEB))
FIRST = Deed("deploy", SHOP)


def _with(web: Shape = WEB, db: Shape = DB, **more: str) -> Manifest:
    return replace(SHOP, groups=(db, web), **more)


def _after(name: str, *deeds: Deed) -> Scenario:
    return Scenario(name, Story((FIRST, *deeds)))


ROLLED = replace(WEB, instances=4, azs=2, canaries=1, max_in_flight=2)

SWAPPED = Manifest((replace(DB, swap=True), replace(WEB, swap=True)))

SCENARIOS = (
    Scenario("deploy", Story((FIRST,))),
    Scenario(
        "rolling update",
        Story((Deed("deploy", Manifest((ROLLED,))), Deed("deploy", Manifest((replace(ROLLED, text=1),))))),
    ),
    _after("recreate with disk", Deed("deploy", SHOP, recreate=True)),
    Scenario("create, swap, delete", Story((Deed("deploy", SWAPPED), Deed("deploy", SWAPPED, recreate=True)))),
    _after("stemcell", Deed("deploy", _with(stemcell="2"))),
    _after("release", Deed("deploy", _with(release="2"))),
    _after("scale up", Deed("deploy", _with(web=replace(WEB, instances=4)))),
    _after("scale down", Deed("deploy", _with(web=replace(WEB, instances=1)))),
    _after("group goes", Deed("deploy", Manifest((WEB,)))),
    _after("disk grows", Deed("deploy", _with(db=replace(DB, disk=128)))),
    _after("disk comes and goes", Deed("deploy", _with(web=replace(WEB, disk=64), db=replace(DB, disk=0)))),
    _after("tags", Deed("deploy", replace(SHOP, tags=1))),
    _after("stop", Deed("change", SHOP, state="stopped", group="web")),
    _after("stop hard", Deed("change", SHOP, state="detached", group="db")),
    _after(
        "start after stop hard",
        Deed("change", SHOP, state="detached", group="db"),
        Deed("change", SHOP, state="started", group="db"),
    ),
    _after("restart", Deed("change", SHOP, state="restart", group="web", instance="1")),
    _after("scan and fix", Deed("fix", SHOP, lost=0)),
    _after("cloud check", Deed("scan", SHOP, lost=0), Deed("resolve", SHOP)),
    _after("delete", Deed("delete", SHOP)),
)
