import asyncio
import threading

import pytest

from sidehook import EncodeError, aio
from sidehook._call import StateChange
from sidehook._session import MAX_STATE_BYTES, Session, surroundings


@pytest.fixture
def client() -> aio.Client:
    return aio.Client("/no/sidecar.sock", tenant="acme", user="ann", labels={"app": "demo"})


def scopes(client: aio.Client) -> tuple[str, ...]:
    return surroundings(client).scopes


def current(client: aio.Client) -> Session | None:
    return surroundings(client).session


def test_a_session_has_the_terms_of_the_client_unless_it_says_otherwise(
    client: aio.Client,
) -> None:
    plain = client.session("s-1")
    own = client.session("s-2", tenant="other", user="bob", labels={"tier": "1"})
    assert (plain.session_id, plain.tenant, plain.user, dict(plain.labels)) == (
        "s-1",
        "acme",
        "ann",
        {"app": "demo"},
    )
    assert (own.tenant, own.user, dict(own.labels)) == (
        "other",
        "bob",
        {"app": "demo", "tier": "1"},
    )


def test_a_session_without_an_id_gets_one_of_its_own(client: aio.Client) -> None:
    assert client.session().session_id != client.session().session_id


def test_calls_inside_the_block_are_in_the_session_and_others_are_not(client: aio.Client) -> None:
    with client.session("s") as session:
        assert current(client) is session
    assert current(client) is None


def test_an_inner_session_takes_the_place_of_the_outer_one(client: aio.Client) -> None:
    with client.session("outer") as outer:
        with client.session("inner") as inner:
            assert current(client) is inner
        assert current(client) is outer


def test_scopes_add_up_inside_each_other_and_each_name_stands_once(client: aio.Client) -> None:
    with client.scope("a", "b"), client.session("s"):
        with client.scope("b", "c"):
            assert scopes(client) == ("a", "b", "c")
        assert scopes(client) == ("a", "b")
    assert scopes(client) == ()


def test_the_scopes_of_one_client_are_not_those_of_another(client: aio.Client) -> None:
    other = aio.Client("/no/other.sock")
    with client.scope("a"):
        assert scopes(other) == ()


async def test_two_tasks_never_see_each_other_s_scopes(client: aio.Client) -> None:
    inside = asyncio.Barrier(20)

    async def one(name: str) -> tuple[str, ...]:
        with client.scope(name), client.session(name) as session:
            await inside.wait()
            assert current(client) is session
            await inside.wait()
            return scopes(client)

    names = [f"scope-{number}" for number in range(20)]
    assert await asyncio.gather(*map(one, names)) == [(name,) for name in names]
    assert scopes(client) == ()


async def test_a_task_started_inside_the_block_keeps_what_surrounded_its_start(
    client: aio.Client,
) -> None:
    left = asyncio.Event()

    async def later() -> tuple[str, ...]:
        await left.wait()
        return scopes(client)

    with client.scope("a"):
        task = asyncio.create_task(later())
    left.set()
    assert await task == ("a",)


def test_another_thread_is_in_no_scope_of_this_one(client: aio.Client) -> None:
    seen: list[tuple[str, ...]] = []
    with client.scope("a"):
        thread = threading.Thread(target=lambda: seen.append(scopes(client)))
        thread.start()
        thread.join()
    assert seen == [()]


def test_a_session_can_be_entered_again_and_keeps_its_state(client: aio.Client) -> None:
    session = client.session("s")
    with session:
        session.keep(StateChange(set={"w/n": b"1"}))
    with session, session:
        assert current(client) is session
    assert current(client) is None
    assert session.state == {"w/n": 1}


def test_scopes_left_in_the_wrong_order_are_an_error(client: aio.Client) -> None:
    outer, inner = client.scope("outer"), client.scope("inner")
    with inner:
        outer.__enter__()
        with pytest.raises(RuntimeError, match="innermost first"):
            inner.__exit__(None, None, None)
        outer.__exit__(None, None, None)


@pytest.mark.parametrize("names", [(), ("",), ("a", ""), (None,)])
def test_a_scope_needs_names(client: aio.Client, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="names of one or more scopes"):
        client.scope(*names)


def test_state_is_merged_key_by_key(client: aio.Client) -> None:
    session = client.session("s", state={"w/kept": [1], "w/gone": 2, "w/new": 3})
    assert session.keep(StateChange(set={"w/new": b"4"}, removed=frozenset({"w/gone"})))
    assert session.state == {"w/kept": [1], "w/new": 4}
    assert session.wire_state == {"w/kept": b"[1]", "w/new": b"4"}


def test_state_goes_from_one_session_into_the_next(client: aio.Client) -> None:
    first = client.session("s", state={"w/n": 2**63})
    assert client.session("s", state=first.state).wire_state == first.wire_state


def test_a_change_for_which_there_is_no_room_is_refused_whole(client: aio.Client) -> None:
    session = client.session("s", state={"w/kept": 1})
    large = b'"' + b"x" * MAX_STATE_BYTES + b'"'
    assert not session.keep(StateChange(set={"w/large": large, "w/small": b"1"}))
    assert session.state == {"w/kept": 1}


def test_the_largest_state_is_taken(client: aio.Client) -> None:
    session = client.session("s")
    octets = b'"' + b"x" * (MAX_STATE_BYTES - 5) + b'"'
    assert session.keep(StateChange(set={"w/k": octets}))
    assert not session.keep(StateChange(set={"w/k": octets, "w": b"1"}))


def test_an_initial_state_over_the_limit_is_an_encode_error(client: aio.Client) -> None:
    with pytest.raises(EncodeError, match="over the limit of 65536"):
        client.session("s", state={"w/k": "x" * MAX_STATE_BYTES})


def test_an_initial_state_that_json_cannot_carry_names_the_key(client: aio.Client) -> None:
    with pytest.raises(EncodeError, match=r"state\['w/k'\]"):
        client.session("s", state={"w/k": object()})


def test_a_session_in_a_log_shows_keys_and_no_values(client: aio.Client) -> None:
    shown = repr(client.session("s-1", state={"w/k": "a secret"}))
    assert "s-1" in shown
    assert "w/k" in shown
    assert "secret" not in shown


def test_changes_from_many_threads_are_all_kept(client: aio.Client) -> None:
    session = client.session("s")
    threads = [
        threading.Thread(target=session.keep, args=(StateChange(set={f"w/{n}": b"1"}),))
        for n in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(session.state) == 50
