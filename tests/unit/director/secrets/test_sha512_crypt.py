"""Known answers of the crypt(3) SHA-512 form."""

from __future__ import annotations

import pytest

from director.adapters.secrets.sha512_crypt import sha512_crypt


@pytest.mark.parametrize(
    ("password", "salt", "answer"),
    [
        (
            "Hello world!",
            "saltstring",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "This is just a test",
            "toolongsaltstring",
            "$6$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
        ),
    ],
)
def test_known_answers(password: str, salt: str, answer: str) -> None:
    assert sha512_crypt(password, salt) == answer


def test_a_salt_is_drawn() -> None:
    assert sha512_crypt("x") != sha512_crypt("x")
