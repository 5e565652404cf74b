import re
import subprocess
import sys

import pytest

from sidehook._catalogue import CATALOGUE, HookType
from sidehook._hook_type_info import HookTypeInfo
from tests.repository import ROOT


def test_every_name_has_one_constant_and_one_entry() -> None:
    assert [hook_type.value for hook_type in HookType.__members__.values()] == list(CATALOGUE)
    assert {hook_type.name for hook_type in HookType} == set(HookType.__members__)


def test_a_hook_type_is_its_name_as_a_string() -> None:
    name: str = HookType.COMPONENT_PRE_EXECUTE
    assert name == "component_pre_execute"
    assert f"{HookType.CPEX_TOOL_PRE_INVOKE}" == "cpex.tool_pre_invoke"
    assert CATALOGUE["cpex.tool_pre_invoke"] is CATALOGUE[HookType.CPEX_TOOL_PRE_INVOKE]


def test_mellea_has_27_hook_types_and_the_prefix_marks_the_others() -> None:
    prefixed = {name for name in CATALOGUE if name.startswith("cpex.")}
    assert {name for name, info in CATALOGUE.items() if info.source == "cpex"} == prefixed
    assert len(CATALOGUE.keys() - prefixed) == 27


@pytest.mark.parametrize("info", CATALOGUE.values(), ids=CATALOGUE)
def test_writable_names_the_fields_that_are_marked(info: HookTypeInfo) -> None:
    assert info.writable == {field.name for field in info.fields.values() if field.writable}
    assert info.writable >= {field.name for field in info.fields.values() if field.answer}


@pytest.mark.parametrize("info", CATALOGUE.values(), ids=CATALOGUE)
def test_an_entry_stands_under_its_own_name(info: HookTypeInfo) -> None:
    assert CATALOGUE[info.name] is info
    assert [field.name for field in info.fields.values()] == list(info.fields)


def test_only_the_hook_points_of_adapters_swallow_a_block() -> None:
    assert [name for name, info in CATALOGUE.items() if not info.blockable] == [
        HookType.ADAPTER_FUNCTION_INVOCATION_COMPLETE,
        HookType.ADAPTER_FUNCTION_PHASE_COMPLETE,
    ]


def test_the_catalogue_cannot_be_changed() -> None:
    info = CATALOGUE[HookType.COMPONENT_PRE_EXECUTE]
    with pytest.raises(TypeError):
        CATALOGUE["mine"] = info  # type: ignore[index] # the very thing that must fail
    with pytest.raises(TypeError):
        info.fields["mine"] = info.fields["format"]  # type: ignore[index] # as above
    with pytest.raises(AttributeError):
        info.blockable = False  # type: ignore[misc] # as above


def test_the_page_describes_every_type_field_and_projection() -> None:
    page = (ROOT / "docs" / "hook-types.md").read_text()
    sections = dict(re.findall(r"^### `([\w.]+)`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    for name, info in CATALOGUE.items():
        assert re.findall(r"^\| `(\w+)`", sections[name], re.MULTILINE) == list(info.fields)
        for field in info.fields.values():
            plain = field.type.replace("[]", "")
            assert plain in sections or f"`{plain}`" in page.partition("## Types")[0]


def test_the_generated_files_are_fresh() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate_catalogue.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stderr == ""
    assert checked.returncode == 0
