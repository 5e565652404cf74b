import pytest

from sidehook_server.ops.health import Health, Probe


def test_nothing_is_ready_before_it_is_started() -> None:
    health = Health()
    assert health.problem(Probe.STARTED) == "starting"
    assert health.problem(Probe.READY) == "starting"
    assert health.problem(Probe.LIVE) == ""
    health.started()
    assert [health.problem(probe) for probe in Probe] == ["", "", ""]


def test_what_is_waited_for_is_named() -> None:
    health = Health()
    health.needs(("worker 'a' has not registered", "worker 'b' has not registered"))
    health.started()
    assert health.problem(Probe.STARTED) == ""
    assert health.problem(Probe.READY) == (
        "waiting for worker 'a' has not registered, worker 'b' has not registered"
    )


def test_readiness_is_a_latch() -> None:
    """A worker that goes away later fails calls; it does not take the pod out of service."""
    ready: list[bool] = []
    health = Health(on_ready=lambda: ready.append(True))
    health.needs(("a worker",))
    health.started()
    assert ready == []
    health.needs(())
    health.needs(("a worker",))
    health.needs(())
    assert health.is_ready
    assert ready == [True]


def test_draining_is_not_ready() -> None:
    health = Health()
    health.started()
    health.draining()
    assert not health.is_ready
    assert health.problem(Probe.READY) == "draining"
    assert health.problem(Probe.LIVE) == ""


def test_a_part_that_stopped_is_named_and_the_first_one_stays() -> None:
    health = Health()
    health.broken("discovery")
    health.broken("health")
    assert health.problem(Probe.LIVE) == "discovery has stopped; restart the sidecar"


@pytest.mark.parametrize("probe", list(Probe))
def test_every_probe_has_an_answer(probe: Probe) -> None:
    assert isinstance(Health().problem(probe), str)
