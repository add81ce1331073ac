"""A creation whose answer is lost, and what services say when they refuse."""

from __future__ import annotations

import pytest

from cpi.contract import Call, CloudError, NoDiskSpace, VMNotFound
from cpi.openstack import marks
from cpi.openstack.refusals import AnswerLost, Refused, sentence_of, told


def lost_times(number: int, made: list[str]):
    """Something that is made, but tells so only after so many lost answers."""

    def make() -> str:
        if len(made) < number:
            made.append("lost")
            raise AnswerLost("nova gives no answer", "http://nova")
        made.append("told")
        return "told"

    return make


def test_what_came_of_a_lost_answer_is_taken():
    made: list[str] = []
    mark = marks.Mark("vm", "vm-1")
    assert marks.create(Call("create_vm"), mark, lost_times(1, made), lambda: "found", "boot") == "found"
    assert made == ["lost"] and mark.doubtful


def test_it_is_made_again_only_when_nothing_came(monkeypatch):
    monkeypatch.setattr(marks, "SETTLE", (0.0, 0.0))
    made: list[str] = []
    mark = marks.Mark("vm", "vm-1")
    assert marks.create(Call("create_vm"), mark, lost_times(2, made), lambda: None, "boot") == "told"
    assert made == ["lost", "lost", "told"]
    with pytest.raises(AnswerLost):
        marks.create(Call("create_vm"), mark, lost_times(99, []), lambda: None, "boot")
    calm = marks.Mark("vm", "vm-2")
    assert marks.create(Call("create_vm"), calm, lambda: "told", lambda: None, "boot") == "told" and not calm.doubtful


def test_marks_follow_from_the_key_alone():
    assert marks.Mark("vm", "a/b c").text == marks.Mark("disk", "a/b c").text != marks.Mark("vm", "a/b").text
    assert marks.Mark("vm", "a/b c").name == "vm-a-b-c" and len(marks.Mark("vm", "x" * 300).name) <= 60
    assert marks.Mark("vm", None).text != marks.Mark("vm", None).text


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"itemNotFound": {"code": 404, "message": "Instance could not be found."}}', "Instance could not be found."),
        ('{"NeutronError": {"type": "X", "message": "No more IPs.", "detail": ""}}', "No more IPs."),
        ('{"error": {"code": 401, "message": "Sign in.", "title": "Unauthorized"}}', "Sign in."),
        ('{"errors": [{"status": 400, "detail": "Bad trait."}]}', "Bad trait."),
        ("<html><head><title>403</title></head><body>Access was\n denied</body></html>", "403 Access was denied"),
        ("", "Service Unavailable"),
    ],
)
def test_the_services_own_sentence_is_found(body, sentence):
    assert sentence_of(body, "Service Unavailable") == sentence


def test_refusals_become_the_contracts_errors():
    def raised(kind, service, status, words, **more):
        with pytest.raises(kind) as failed, told("do it", VMNotFound):
            raise Refused(service, status, words, "req-1", "http://there", True, **more)
        return failed.value

    assert (
        "nova at http://there says: Gone. (HTTP 404, request req-1)" in raised(VMNotFound, "nova", 404, "Gone.").message
    )
    assert "raise the project's quota" in raised(NoDiskSpace, "cinder", 413, "Maximum exceeded").message
    assert "give it the role" in raised(CloudError, "nova", 403, "Policy").message
    slow = raised(CloudError, "neutron", 429, "Slow down", retry_after=3.0)
    assert slow.facts.retry_after == 3.0 and slow.facts.endpoint == "http://there"
