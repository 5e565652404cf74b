"""Only what the other end has not seen travels, and what it makes of that is the whole list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._continuations import (
    Chain,
    Continuation,
    Received,
    Sent,
    UnknownItemsError,
)
from sidehook._list_values import ListValue

CHAT = Chain("acme", "session-1", "messages")
OTHER = Chain("acme", "session-2", "messages")


def value(items: Sequence[str]) -> ListValue:
    return ListValue.of(b"[", [item.encode() for item in items], b"]")


def test_the_first_list_travels_whole() -> None:
    it = Sent().continued(CHAT, value("abc"))
    assert (it.known, it.digest, it.items) == (0, b"", (b"a", b"b", b"c"))


def test_of_a_list_that_grew_only_its_end_travels() -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abc")))
    it = sent.continued(CHAT, value("abcde"))
    assert (it.known, it.items) == (3, (b"d", b"e"))
    assert received.whole(CHAT, it) == value("abcde")


def test_of_a_window_that_moved_on_only_its_end_travels() -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abcd")))
    it = sent.continued(CHAT, value("cdef"))
    assert (it.known, it.items) == (2, (b"e", b"f"))
    assert received.whole(CHAT, it) == value("cdef")


def test_a_list_that_was_cut_and_went_on_otherwise_travels_from_there() -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abcd")))
    it = sent.continued(CHAT, value("abx"))
    assert (it.known, it.items) == (2, (b"x",))
    assert received.whole(CHAT, it) == value("abx")


def test_a_list_with_nothing_in_common_travels_whole() -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abc")))
    it = sent.continued(CHAT, value("xyz"))
    assert it.known == 0
    assert received.whole(CHAT, it) == value("xyz")


def test_head_and_tail_always_travel() -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abc")))
    longer = ListValue.of(b'{"n":4,"l":[', [b"a", b"b", b"c", b"d"], b"]}")
    assert received.whole(CHAT, sent.continued(CHAT, longer)).octets == longer.octets


def test_a_receiver_that_restarted_says_that_it_lacks_something() -> None:
    sent = Sent()
    sent.continued(CHAT, value("abc"))
    with pytest.raises(UnknownItemsError, match="field messages"):
        Received().whole(CHAT, sent.continued(CHAT, value("abcd")))


def test_a_receiver_that_was_told_less_says_that_it_lacks_something() -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abc")))
    sent.continued(CHAT, value("abcd"))
    with pytest.raises(UnknownItemsError):
        received.whole(CHAT, sent.continued(CHAT, value("abcde")))


def test_after_a_miss_the_list_travels_whole_and_goes_on_from_there() -> None:
    sent, received = Sent(), Received()
    sent.continued(CHAT, value("abc"))
    sent.forget(CHAT)
    assert received.whole(CHAT, sent.continued(CHAT, value("abcd"))) == value("abcd")
    assert received.whole(CHAT, sent.continued(CHAT, value("abcde"))) == value("abcde")


def test_items_of_one_session_are_never_taken_for_those_of_another() -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abc")))
    received.whole(OTHER, sent.continued(OTHER, value("abc")))
    it = sent.continued(CHAT, value("abcd"))
    with pytest.raises(UnknownItemsError):
        received.whole(OTHER, it)


@pytest.mark.parametrize("known", [1, 4, 2**31])
def test_more_items_than_there_are_are_never_made_up(known: int) -> None:
    sent, received = Sent(), Received()
    received.whole(CHAT, sent.continued(CHAT, value("abc")))
    digest = sent.continued(CHAT, value("abcd")).digest
    it = Continuation(b"[", known, digest, (b"d",), b"]")
    if known > 3:
        with pytest.raises(UnknownItemsError):
            received.whole(CHAT, it)
    else:
        assert received.whole(CHAT, it) == value("cd")


def test_what_is_remembered_is_bounded() -> None:
    sent, received = Sent(max_bytes=10_000), Received(max_bytes=10_000)
    for number in range(200):
        chain = Chain("", f"session-{number % 20}", "messages")
        items = [f"{number}-{place}" * 20 for place in range(number % 7 + 1)]
        received.whole(chain, sent.continued(chain, value(items)))
        assert sent.size <= 10_000
        assert received.size <= 10_000
    assert sent.size > 0


def test_a_list_over_the_bound_travels_whole_each_time() -> None:
    sent, received = Sent(max_bytes=100), Received(max_bytes=100)
    for _ in range(2):
        it = sent.continued(CHAT, value(["a" * 200, "b"]))
        assert it.known == 0
        received.whole(CHAT, it)
    assert (sent.size, received.size) == (0, 0)


def test_a_window_that_moves_on_for_ever_does_not_grow() -> None:
    sent, received = Sent(), Received()
    sizes = set()
    for start in range(1000, 2000):
        items = [str(number) for number in range(start, start + 10)]
        received.whole(CHAT, sent.continued(CHAT, value(items)))
        sizes.add((sent.size, received.size))
    assert len(sizes) == 1


_steps = st.lists(
    st.tuples(
        st.sampled_from([CHAT, OTHER]),
        st.integers(0, 6),
        st.integers(0, 6),
        st.lists(st.sampled_from("abc"), max_size=4),
        st.sampled_from(["arrives", "is lost", "arrives again"]),
    ),
    max_size=20,
)


@given(_steps, st.sampled_from([200, 1000, 10_000]), st.sampled_from([200, 1000, 10_000]))
def test_whatever_is_lost_the_whole_list_arrives_or_the_sender_is_told(
    steps: list[tuple[Chain, int, int, list[str], str]], remembers: int, keeps: int
) -> None:
    sent, received = Sent(remembers), Received(keeps)
    lists: dict[Chain, list[str]] = {CHAT: [], OTHER: []}
    for chain, drop_first, drop_last, more, fate in steps:
        old = lists[chain]
        new = [*old[drop_first : max(0, len(old) - drop_last)], *more]
        lists[chain] = new
        it = sent.continued(chain, value(new))
        if fate == "is lost":
            continue
        for _ in range(2 if fate == "arrives again" else 1):
            try:
                assert received.whole(chain, it) == value(new)
            except UnknownItemsError:
                sent.forget(chain)
                it = sent.continued(chain, value(new))
                assert it.known == 0
                assert received.whole(chain, it) == value(new)


def test_the_digest_is_the_one_that_the_contract_describes() -> None:
    sent = Sent()
    sent.continued(CHAT, value(['"Hello"', '"Hello, what can I do for you?"']))
    it = sent.continued(CHAT, value(['"Hello"', '"Hello, what can I do for you?"', "1"]))
    assert it.digest.hex() == "07a06ed453d8758f3ee95f8867bb4aa8"
