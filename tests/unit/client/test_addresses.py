import pytest

from sidehook._addresses import host_and_port, is_several, listed
from sidehook._client_target import checked_target


@pytest.mark.parametrize(
    ("target", "addresses"),
    [
        ("ipv4:10.0.0.1:1,10.0.0.2:2", {"ipv4:10.0.0.1:1", "ipv4:10.0.0.2:2"}),
        ("ipv6:[::1]:1, [::2]:1", {"ipv6:[::1]:1", "ipv6:[::2]:1"}),
        ("ipv4:10.0.0.1:1,", {"ipv4:10.0.0.1:1"}),
        ("ipv4:10.0.0.1:1", set()),
        ("sidecar:1", set()),
        ("unix:///run/a,b.sock", set()),
    ],
)
def test_the_addresses_that_a_target_lists(target: str, addresses: set[str]) -> None:
    assert listed(target) == addresses


@pytest.mark.parametrize(
    ("target", "several"),
    [
        ("dns:///sidecars:7000", True),
        ("dns:sidecars:7000", True),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", True),
        ("sidecars:7000", False),
        ("ipv4:10.0.0.1:1", False),
        ("unix:///run/sidehook.sock", False),
    ],
)
def test_which_targets_may_be_several_sidecars(target: str, several: bool) -> None:  # noqa: FBT001 - parametrized
    assert is_several(target) is several


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("dns:///sidecars.ns:7000", "sidecars.ns", 7000),
        ("dns://8.8.8.8/sidecars:1", "sidecars", 1),
        ("dns:sidecars:1", "sidecars", 1),
        ("dns:[::1]:5000", "::1", 5000),
    ],
)
def test_the_name_in_a_target(target: str, host: str, port: int) -> None:
    assert host_and_port(target) == (host, port)


@pytest.mark.parametrize("target", ["dns:///sidecars", "dns:///sidecars:http", "dns:///:1"])
def test_a_name_without_a_port_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="names no port; write dns:///host:port"):
        checked_target(target)
