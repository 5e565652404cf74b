import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sidehook._errors import DefinitionError
from sidehook.worker import Context, HookSet, hook
from sidehook.worker._collect import Item, collect

TYPE = "component_pre_execute"


@hook(TYPE, priority=10)
async def first(payload: object, ctx: Context) -> None: ...


@hook("tool_pre_invoke")
def second(payload: object, ctx: Context) -> None: ...


class Guard:
    def __init__(self, word: str = "secret") -> None:
        self.word = word

    @hook(TYPE)
    def before(self, payload: object, ctx: Context) -> str:
        return self.word

    @hook("component_post_success", name="afterwards")
    async def after(self, payload: object, ctx: Context) -> None: ...

    def helper(self) -> None: ...


class StrictGuard(Guard):
    @hook("tool_pre_invoke")
    def tools(self, payload: object, ctx: Context) -> None: ...


class Needy(Guard):
    def __init__(self, word: str, number: int) -> None:
        super().__init__(word)
        self.number = number


def names(*items: Item) -> list[str]:
    return [found.spec.name for found in collect(items)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for added in set(sys.modules) - modules:
        del sys.modules[added]


def test_functions_come_in_the_order_in_which_they_were_handed_over() -> None:
    assert names(second, first) == ["second", "first"]


def test_a_hook_handed_over_twice_is_served_once() -> None:
    assert names(first, first) == ["first"]


def test_whether_a_handler_is_a_coroutine_function_is_known() -> None:
    assert [found.is_async for found in collect([first, second])] == [True, False]


def test_where_a_handler_stands_is_known() -> None:
    (found,) = collect([first])

    file, _, line = found.source.rpartition(":")
    assert file == __file__
    assert int(line) > 1


def test_a_class_with_several_hooks_is_made_and_served() -> None:
    assert names(Guard) == ["Guard.before", "afterwards"]


def test_an_instance_is_served_with_its_own_attributes() -> None:
    before, _ = collect([Guard("hush")])

    assert before.handler(None, None) == "hush"


def test_a_subclass_serves_what_it_inherits_under_its_own_name() -> None:
    assert names(StrictGuard) == ["StrictGuard.before", "afterwards", "StrictGuard.tools"]


def test_a_method_that_takes_the_place_of_a_hook_must_be_one() -> None:
    class Forgetful(Guard):
        def before(self, payload: object, ctx: Context) -> str:
            return "unguarded"

    with pytest.raises(DefinitionError, match=r"Forgetful\.before takes the place of a hook and"):
        collect([Forgetful])


def test_a_subclass_may_leave_a_hook_out() -> None:
    class Lenient(Guard):
        before = None  # type: ignore[assignment]  # how a hook is left out

    assert names(Lenient) == ["afterwards"]


def test_a_static_method_may_be_a_hook() -> None:
    class Static:
        @staticmethod
        @hook(TYPE)
        def check(payload: object, ctx: Context) -> None: ...

    assert names(Static) == ["Static.check"]


def test_a_bound_method_is_one_hook() -> None:
    assert names(Guard().before) == ["Guard.before"]


def test_a_method_without_its_instance_is_refused() -> None:
    with pytest.raises(DefinitionError, match="a method is handed over with its class or instance"):
        collect([Guard.before])


def test_a_class_that_needs_arguments_is_refused_with_the_way_out() -> None:
    with pytest.raises(DefinitionError, match="class Needy cannot be made without arguments; hand"):
        collect([Needy])

    assert names(Needy("word", 1))[0] == "Needy.before"


def test_two_hooks_of_one_name_are_refused_with_both_places() -> None:
    def other() -> Item:
        @hook(TYPE, name="first")
        def again(payload: object, ctx: Context) -> None: ...

        return again

    with pytest.raises(DefinitionError, match=r"two hooks are called first: \S+:\d+ and \S+:\d+;"):
        collect([first, other()])


@pytest.mark.parametrize("nothing", [7, object(), dict, lambda payload, ctx: None])
def test_what_holds_no_hook_is_refused(nothing: Item) -> None:
    with pytest.raises(DefinitionError, match="holds no hook: decorate its"):
        collect([nothing])


def test_a_set_serves_everything_in_it() -> None:
    group = HookSet("all", first, HookSet("inner", Guard), second)

    assert names(group) == ["first", "Guard.before", "afterwards", "second"]


def test_the_priority_of_a_set_takes_the_place_of_every_other() -> None:
    group = HookSet("outer", first, HookSet("inner", second, priority=3), priority=7)

    assert [found.spec.priority for found in collect([group])] == [7, 7]


def test_a_set_without_priority_leaves_them_alone() -> None:
    group = HookSet("outer", first, HookSet("inner", second, priority=3))

    assert [found.spec.priority for found in collect([group])] == [10, 3]


@pytest.mark.parametrize("priority", [True, "7", 2_000_000])
def test_a_set_refuses_a_bad_priority(priority: int) -> None:
    with pytest.raises(DefinitionError, match=r"hook set 'odd': priority .* must be an int"):
        HookSet("odd", first, priority=priority)


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(DefinitionError, match="hook set 'empty' holds nothing"):
        HookSet("empty")


def test_a_module_serves_its_hooks_its_classes_and_what_it_imported() -> None:
    module = ModuleType("guards")

    class Local(Guard): ...

    Local.__module__ = "guards"
    vars(module).update(first=first, Guard=Guard, Local=Local, unrelated=3, sys=sys)

    assert names(module) == ["first", "Local.before", "afterwards"]


def test_a_modules_instance_takes_the_place_of_its_class() -> None:
    module = ModuleType("guards")

    class Local(Guard): ...

    Local.__module__ = "guards"
    vars(module).update(Local=Local, guard=Local("hush"))

    before, _ = collect([module])
    assert before.handler(None, None) == "hush"


def test_a_hook_in_a_set_of_its_module_is_served_as_the_set_has_it() -> None:
    module = ModuleType("guards")
    vars(module).update(first=first, second=second, group=HookSet("g", first, priority=99))

    assert [(found.spec.name, found.spec.priority) for found in collect([module])] == [
        ("first", 99),
        ("second", None),
    ]


def test_a_module_without_hooks_is_refused() -> None:
    with pytest.raises(DefinitionError, match="module empty holds no hook"):
        collect([ModuleType("empty")])


def test_a_file_is_loaded_and_may_import_its_neighbours(folder: Path) -> None:
    (folder / "neighbour_of_hooks.py").write_text("TYPE = 'tool_pre_invoke'\n")
    file = folder / "hooks_in_a_file.py"
    file.write_text(
        "from sidehook.worker import hook\n"
        "from neighbour_of_hooks import TYPE\n"
        "@hook(TYPE)\n"
        "def check(payload, ctx): ...\n"
    )

    assert [(found.spec.name, found.spec.hook_type) for found in collect([str(file)])] == [
        ("check", "tool_pre_invoke")
    ]
    assert names(file) == ["check"]


def test_a_module_is_loaded_by_its_name(folder: Path) -> None:
    (folder / "hooks_by_name.py").write_text(
        "from sidehook.worker import hook\n@hook('tool_pre_invoke')\ndef check(payload, ctx): ...\n"
    )
    sys.path.insert(0, str(folder))

    assert names("hooks_by_name") == ["check"]


def test_a_file_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(DefinitionError, match=r"there is no file .*gone\.py"):
        collect([str(folder / "gone.py")])


def test_a_module_that_is_not_there_is_refused_with_a_hint() -> None:
    with pytest.raises(DefinitionError, match=r"there is no module nowhere_at_all; a file is"):
        collect(["nowhere_at_all"])


def test_a_modules_own_missing_import_comes_through_as_it_is(folder: Path) -> None:
    (folder / "hooks_that_import.py").write_text("import missing_dependency\n")
    sys.path.insert(0, str(folder))

    with pytest.raises(ModuleNotFoundError, match="missing_dependency"):
        collect(["hooks_that_import"])
