"""Users and groups as the CLI and the cloud controller handle them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.paas.uaa.uaa_client import CC, UaaClient, bearer


def _found(client: UaaClient, headers: dict[str, str], text: str, path: str = "/Users", **more: str) -> dict[str, Any]:
    answer = client.http.get(path, params={"filter": text, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_user_is_made_found_changed_and_removed(client: UaaClient, admin: dict[str, str]) -> None:
    user = client.new_user(admin, name={"familyName": "F", "givenName": "G"}, origin="uaa")
    assert user["meta"]["version"] == 0 and user["origin"] == "uaa" and user["groups"] == []
    assert user["name"] == {"familyName": "F", "givenName": "G"} and "password" not in user
    name, path = user["userName"], f"/Users/{user['id']}"
    found = _found(client, admin, f'userName eq "{name.upper()}" and origin eq "uaa"')
    assert found["totalResults"] == 1 and found["resources"] == [user]
    assert _found(client, admin, f'id eq "{user["id"]}"')["resources"] == [user]

    body = {"userName": name, "emails": [{"value": "new@example.org"}], "active": False}
    assert client.http.put(path, json=body, headers=admin).status_code == 400, "needs If-Match"
    changed = client.http.put(path, json=body, headers=admin | {"If-Match": "0"})
    assert changed.status_code == 200 and changed.json()["meta"]["version"] == 1
    assert changed.json()["emails"][0]["value"] == "new@example.org"
    late = client.http.put(path, json=body, headers=admin | {"If-Match": "0"})
    assert (late.status_code, late.json()["error"]) == (412, "scim")
    assert client.token(grant_type="password", username=name, password="first").status_code == 401, "not active"
    body["active"] = True
    assert client.http.put(path, json=body, headers=admin | {"If-Match": "*"}).status_code == 200
    client.log_in(name, "first")

    assert client.http.delete(path, headers=admin).json()["id"] == user["id"]
    assert client.http.get(path, headers=admin).status_code == 404
    assert client.token(grant_type="password", username=name, password="first").status_code == 401


def test_a_user_of_another_origin_has_no_password_here(client: UaaClient, admin: dict[str, str]) -> None:
    user = client.new_user(admin, origin="ldap")
    assert client.token(grant_type="password", username=user["userName"], password="first").status_code == 401
    answer = client.http.put(f"/Users/{user['id']}/password", json={"password": "x"}, headers=admin)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scim_resource")


def test_the_cloud_controller_learns_names_by_ids(client: UaaClient, admin: dict[str, str]) -> None:
    users = [client.new_user(admin) for _ in range(3)]
    own = bearer(client.token(CC, grant_type="client_credentials").json()["access_token"])
    text = " or ".join(f'id eq "{user["id"]}"' for user in users)
    for path in ("/Users", "/ids/Users"):
        found = _found(client, own, text, path)["resources"]
        assert {one["id"]: one["userName"] for one in found} == {user["id"]: user["userName"] for user in users}
    assert set(found[0]) == {"id", "userName", "origin"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('userName sw "{name}"', True),
        ('userName co "{middle}"', True),
        ('userName ew "x"', False),
        ('emails.value eq "{name}@EXAMPLE.org"', True),
        ('userName ne "{name}"', False),
        ('not (userName eq "{name}")', False),
        ("userName pr and active eq true", True),
        ("active eq false", False),
        ('(origin eq "ldap" or origin eq "uaa") and name.givenName eq "o\\"100%_\\\\"', True),
        ('name.givenName co "%_"', True),
        ('name.givenName co "_%"', False),
    ],
)
def test_filters(client: UaaClient, admin: dict[str, str], text: str, matches: bool) -> None:
    user = client.new_user(admin, name={"givenName": 'o"100%_\\'})
    name = user["userName"]
    asked = text.format(name=name, middle=name[2:-2])
    found = _found(client, admin, f'id eq "{user["id"]}" and ({asked})')
    assert found["totalResults"] == int(matches)


def test_pages(client: UaaClient, admin: dict[str, str]) -> None:
    users = [client.new_user(admin, externalId="paged") for _ in range(5)]
    names = sorted(user["userName"] for user in users)
    seen: list[str] = []
    for start in (1, 3, 5, 7):
        more = {"startIndex": str(start), "count": "2", "sortBy": "userName", "attributes": "userName"}
        page = _found(client, admin, 'externalId eq "paged"', **more)
        assert page["totalResults"] == 5 and page["startIndex"] == start
        assert all(set(one) == {"userName"} for one in page["resources"])
        seen += [one["userName"] for one in page["resources"]]
    assert seen == names
    falling = _found(client, admin, 'externalId eq "paged"', sortBy="username", sortOrder="descending")
    assert [one["userName"] for one in falling["resources"]] == names[::-1]
    assert _found(client, admin, 'externalId eq "paged"', count="0")["resources"] == []


def test_a_password_is_changed_by_the_old_one(client: UaaClient, admin: dict[str, str]) -> None:
    user = client.new_user(admin)
    name, path = user["userName"], f"/Users/{user['id']}/password"
    got = client.log_in(name, "first")
    own = bearer(got["access_token"])
    wrong = client.http.put(path, json={"oldPassword": "bad", "password": "second"}, headers=own)
    assert (wrong.status_code, wrong.json()["error_description"]) == (401, "Old password is incorrect")
    assert client.http.put(path, json={"password": "second"}, headers=own).status_code == 401
    same = client.http.put(path, json={"oldPassword": "first", "password": "first"}, headers=own)
    assert (same.status_code, same.json()["error"]) == (422, "invalid_password")
    done = client.http.put(path, json={"oldPassword": "first", "password": "second"}, headers=own)
    assert (done.status_code, done.json()) == (200, {"status": "ok", "message": "password updated"})
    assert client.token(grant_type="password", username=name, password="first").status_code == 401
    assert client.refresh(got["refresh_token"]).status_code == 401, "log-ins of before have ended"
    client.log_in(name, "second")
    other = client.new_user(admin)
    stolen = client.http.put(f"/Users/{other['id']}/password", json={"password": "mine"}, headers=own)
    assert stolen.status_code == 403
    assert client.http.put(path, json={"password": "third"}, headers=admin).status_code == 200
    client.log_in(name, "third")


def test_a_group_and_its_members(client: UaaClient, admin: dict[str, str]) -> None:
    user, second = client.new_user(admin), client.new_user(admin)
    body = {"displayName": f"team.{user['userName']}", "description": "d", "members": [{"value": user["id"]}]}
    made = client.http.post("/Groups", json=body, headers=admin)
    assert made.status_code == 201
    group = made.json()
    assert group["members"] == [{"value": user["id"], "type": "USER", "origin": "uaa"}]
    path = f"/Groups/{group['id']}"
    taken = client.http.post("/Groups", json=body, headers=admin)
    assert (taken.status_code, taken.json()["error"]) == (409, "scim_resource_already_exists")
    assert _found(client, admin, f'displayName eq "{body["displayName"]}"', "/Groups")["resources"] == [group]
    again = client.http.post(f"{path}/members", json={"value": user["id"]}, headers=admin)
    assert (again.status_code, again.json()["error"]) == (409, "member_already_exists")
    for value in ("none", group["id"]):
        member = {"value": value, "type": "GROUP" if value == group["id"] else "USER"}
        refused = client.http.post(f"{path}/members", json=member, headers=admin)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scim_resource")
    shown = client.http.get(f"/Users/{user['id']}", headers=admin).json()["groups"]
    assert shown == [{"value": group["id"], "display": body["displayName"], "type": "DIRECT"}]
    body |= {"members": [{"value": second["id"]}], "description": "e"}
    put = client.http.put(path, json=body, headers=admin | {"If-Match": '"0"'})
    assert put.status_code == 200 and put.json()["description"] == "e"
    listed = client.http.get(f"{path}/members", headers=admin).json()
    assert [one["value"] for one in listed] == [second["id"]]
    assert client.http.delete(f"{path}/members/{user['id']}", headers=admin).status_code == 404
    assert client.http.delete(f"{path}/members/{second['id']}", headers=admin).json()["value"] == second["id"]
    assert client.http.delete(path, headers=admin).status_code == 200
    assert client.http.get(path, headers=admin).status_code == 404


def test_groups_in_groups_give_scopes_also_in_a_ring(client: UaaClient, admin: dict[str, str]) -> None:
    user = client.new_user(admin)
    inner = client.http.post(
        "/Groups", json={"displayName": f"in.{user['id']}", "members": [{"value": user["id"]}]}, headers=admin
    ).json()
    outer = _found(client, admin, 'displayName eq "scim.read"', "/Groups")["resources"][0]
    for group, member in ((outer, inner), (inner, outer)):
        body = {"value": member["id"], "type": "GROUP"}
        assert client.http.post(f"/Groups/{group['id']}/members", json=body, headers=admin).status_code == 201
    try:
        assert "scim.read" in client.log_in(user["userName"], "first")["scope"].split()
    finally:
        client.http.delete(f"/Groups/{inner['id']}", headers=admin)
    assert "scim.read" not in client.log_in(user["userName"], "first")["scope"].split()
