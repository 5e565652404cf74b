"""What holds after any sequence of comings and goings, whoever declared what."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from sidehook._manifest import HookSpec
from sidehook._types import Mode, OnRejected
from sidehook_server.config.model import Config, OnDowngrade
from sidehook_server.pipeline.plan import compile_plan
from sidehook_server.registry.model import Registry
from sidehook_server.registry.terms import losses
from sidehook_server.registry.worker import HookKey, Link
from tests.unit.registry.scripted import (
    FAIL,
    IGNORE,
    OTHER_TYPE,
    TYPE,
    Scripted,
    a_config,
    a_hook,
)

Step = Callable[[Scripted], object]

LINKS = ("one", "two", "three")
WORKERS = {"one": "w", "two": "w", "three": "v"}

hooks = st.builds(
    a_hook,
    name=st.sampled_from(["a", "b"]),
    hook_type=st.sampled_from([TYPE, OTHER_TYPE]),
    mode=st.sampled_from([None, *Mode]),
    priority=st.sampled_from([None, 1, 90]),
    on_error=st.sampled_from([None, FAIL, IGNORE]),
    scope=st.sampled_from([None, "s", "t"]),
    on_rejected=st.sampled_from([None, OnRejected.ERROR]),
)
manifests = st.lists(hooks, max_size=3, unique_by=lambda hook: hook.name).map(tuple)
links = st.sampled_from(LINKS)


def arrive(link: str, declared: tuple[HookSpec, ...]) -> Step:
    """Attaches, or declares anew what is attached already."""

    def step(sidecar: Scripted) -> object:
        if link in sidecar.registry.owners:
            return sidecar.remanifest(link, *declared, worker=WORKERS[link])
        return sidecar.attach(link, *declared, worker=WORKERS[link])

    return step


def scope(number: int, declared: tuple[HookSpec, ...]) -> Step:
    def step(sidecar: Scripted) -> object:
        link = f"app{number}"
        if sidecar.registry.scopes.attachment(link) is not None:
            return sidecar.detach(link)
        own = tuple(HookSpec(name=hook.name, hook_type=hook.hook_type) for hook in declared)
        return sidecar.attach(link, *own, worker="app", scope_handle=link)

    return step


steps = st.lists(
    st.one_of(
        st.builds(arrive, links, manifests),
        st.builds(arrive, links, manifests),
        st.builds(lambda link: lambda sidecar: sidecar.goodbye(link), links),
        st.builds(lambda link: lambda sidecar: sidecar.detach(link), links),
        st.builds(
            lambda link, well: lambda sidecar: sidecar.health(link, is_healthy=well),
            links,
            st.booleans(),
        ),
        st.builds(scope, st.integers(0, 2), manifests),
    ),
    max_size=15,
)
configs = st.sampled_from([a_config(), a_config(on_downgrade=OnDowngrade.ACCEPT)])


def keys(registry: Registry) -> set[tuple[str, HookKey]]:
    return {(name, key) for name, worker in registry.workers.items() for key in worker.hooks}


def all_links(registry: Registry) -> Iterator[Link]:
    for worker in registry.workers.values():
        yield from worker.links.values()


@given(config=configs, walk=steps)
def test_a_hook_that_was_ever_ready_stays(config: Config, walk: list[Step]) -> None:
    sidecar = Scripted(config)
    ever: set[tuple[str, HookKey]] = set()
    for step in walk:
        step(sidecar)
        ever |= {
            (link.manifest.worker, key)
            for link in all_links(sidecar.registry)
            if not link.is_draining
            for key in link.hooks
        }
        assert keys(sidecar.registry) >= ever
    assert keys(sidecar.restarted().registry) == keys(sidecar.registry)


@given(walk=steps)
def test_terms_never_become_weaker_without_consent(walk: list[Step]) -> None:
    sidecar = Scripted()
    for step in walk:
        before = sidecar.registry
        step(sidecar)
        for name, worker in before.workers.items():
            for key, hook in worker.hooks.items():
                now = sidecar.registry.workers[name].hooks[key]
                assert losses(hook.terms, now.terms) == ()


@given(config=configs, walk=steps)
def test_candidates_serve_and_declare_exactly_the_terms_in_force(
    config: Config, walk: list[Step]
) -> None:
    sidecar = Scripted(config)
    for step in walk:
        step(sidecar)
        for worker in sidecar.registry.workers.values():
            for key, hook in worker.hooks.items():
                for link_id in sidecar.registry.candidates(hook.terms):
                    link = worker.links[link_id]
                    assert link.serves
                    assert link.hooks[key].terms == hook.terms


@given(config=configs, walk=steps)
def test_a_hook_is_unreachable_only_when_everybody_who_serves_it_weakened_it(
    config: Config, walk: list[Step]
) -> None:
    sidecar = Scripted(config)
    for step in walk:
        step(sidecar)
        for worker in sidecar.registry.workers.values():
            for key, hook in worker.hooks.items():
                offers = [
                    link.hooks[key]
                    for link in worker.links.values()
                    if link.serves and key in link.hooks
                ]
                if sidecar.registry.candidates(hook.terms):
                    continue
                assert config.on_downgrade is OnDowngrade.REFUSE or not offers
                assert all(losses(hook.terms, offer.terms) for offer in offers)


@given(config=configs, walk=steps)
def test_every_plan_is_the_one_compiled_from_scratch_of_the_union(
    config: Config, walk: list[Step]
) -> None:
    sidecar = Scripted(config)
    for step in walk:
        step(sidecar)
    registry = sidecar.registry
    for hook_type, plan in registry.plans.items():
        union = [
            hook.terms
            for worker in registry.workers.values()
            for key, hook in worker.hooks.items()
            if key.hook_type == hook_type
        ]
        assert plan == compile_plan(
            hook_type,
            union,
            writable=registry.types[hook_type].writable,
            generation=plan.generation,
        )


@given(config=configs, walk=steps)
def test_the_list_says_of_every_type_what_its_plan_holds(config: Config, walk: list[Step]) -> None:
    sidecar = Scripted(config)
    for step in walk:
        before = sidecar.registry.hook_list()
        step(sidecar)
        now = sidecar.registry.hook_list()
        assert (now.types != before.types) == (now.version == before.version + 1)
        for hook_type, status in now.types.items():
            planned = sidecar.registry.plan(hook_type).hooks
            assert status.has_hooks == any(hook.scope is None for hook in planned)
            assert {name.scope for name in status.scopes} == {
                hook.scope for hook in planned if hook.scope is not None
            }


@given(walk=steps)
def test_in_development_the_plan_holds_what_the_links_declare(walk: list[Step]) -> None:
    sidecar = Scripted(a_config(dev=True))
    for step in walk:
        step(sidecar)
        declared = {
            (link.manifest.worker, key)
            for link in all_links(sidecar.registry)
            if not link.is_draining
            for key in link.hooks
        }
        assert keys(sidecar.registry) == declared


@given(walk=steps)
def test_a_snapshot_never_changes(walk: list[Step]) -> None:
    sidecar = Scripted()
    snapshots: list[tuple[Registry, object]] = []
    for step in walk:
        snapshots.append((sidecar.registry, sidecar.registry.view()))
        step(sidecar)
    assert all(registry.view() == view for registry, view in snapshots)
