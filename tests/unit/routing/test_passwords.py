"""Passwords cost whoever guesses as much as they should."""

from services.routing.passwords import Passwords


async def test_a_hash_costs_what_rfc_9106_recommends() -> None:
    stored = Passwords().hash("回音")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$"), "the second choice of its section 4: 64 MB, three passes"
    assert await Passwords().check("回音", stored)
    assert not await Passwords().check("回声", stored)
    assert not await Passwords().check("回音", None)
