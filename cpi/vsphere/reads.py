"""Reads by the property collector: leaf paths only, many objects in one request; what is not set is not in the answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from pyVmomi import vim, vmodl

from cpi.contract import Call
from cpi.vsphere.session import NOT_FOUND, Session

PAGE = 500
Values = dict[str, Any]
query: Any = vmodl.query.PropertyCollector


def of(session: Session, call: Call, objects: Iterable[Any], paths: Sequence[str]) -> dict[str, Values]:
    """Object id -> values, of objects of one type. Those that are gone are not in the answer."""
    known = list(objects)
    if not known:
        return {}
    try:
        return {one._moId: values for one, values in _read(session, call, known, paths)}
    except NOT_FOUND:
        found: dict[str, Values] = {}
        for one in known:
            try:
                found |= {gone._moId: values for gone, values in _read(session, call, [one], paths)}
            except NOT_FOUND:
                continue
        return found


def one(session: Session, call: Call, object: Any, *paths: str) -> Values | None:
    """The values of one object, None if it is gone."""
    return of(session, call, [object], paths).get(object._moId)


def below(session: Session, call: Call, root: Any, kind: Any, paths: Sequence[str]) -> list[tuple[Any, Values]]:
    """All objects of a kind below a folder, pool or cluster, with these values."""

    def look(content: Any) -> list[tuple[Any, Values]]:
        view = content.viewManager.CreateContainerView(root, [kind], True)
        try:
            path = query.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
            start = query.ObjectSpec(obj=view, skip=True, selectSet=[path])
            return _collect(content, kind, [start], paths)
        finally:
            view.DestroyView()

    return session.ask(call, look)


def _read(session: Session, call: Call, objects: list[Any], paths: Sequence[str]) -> list[tuple[Any, Values]]:
    starts = [query.ObjectSpec(obj=one, skip=False) for one in objects]
    return session.ask(call, lambda content: _collect(content, type(objects[0]), starts, paths))


def _collect(content: Any, kind: Any, starts: list[Any], paths: Sequence[str]) -> list[tuple[Any, Values]]:
    wanted = query.PropertySpec(type=kind, all=False, pathSet=list(paths))
    collector = content.propertyCollector
    filters = [query.FilterSpec(objectSet=starts, propSet=[wanted])]
    page = collector.RetrievePropertiesEx(filters, query.RetrieveOptions(maxObjects=PAGE))
    found: list[tuple[Any, Values]] = []
    while page is not None:
        objects = cast("list[Any]", page.objects)
        found += [(each.obj, {pair.name: pair.val for pair in each.propSet}) for each in objects]
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
    return found
