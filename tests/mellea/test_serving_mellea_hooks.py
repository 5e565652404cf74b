"""What a worker finds in a file written for mellea, and what it makes of the answers."""

from pathlib import Path

import pytest

from sidehook import DefinitionError
from sidehook._manifest import ErrorPolicy
from sidehook._types import FailureClass, Mode, OnError
from sidehook.testing import run_hook

pytest.importorskip(
    "mellea.plugins", reason="needs mellea: make .venv-mellea/.synced, and its pytest"
)

from tests.mellea.served import BEFORE, hook_in, hooks_in


def test_a_function_is_served_under_mellea_s_name_with_its_mode_and_priority(
    tmp_path: Path,
) -> None:
    (hook,) = hooks_in(
        tmp_path,
        """
        @hook(H.TOOL_PRE_INVOKE, mode=M.CONCURRENT, priority=7)
        async def look(payload, ctx):
            "Looks at it."
        """,
    )
    spec = hook.spec
    assert (spec.name, spec.hook_type) == ("sample.look", "tool_pre_invoke")
    assert (spec.mode, spec.priority) == (Mode.CONCURRENT, 7)
    assert (spec.on_error, spec.description) == (None, "Looks at it.")


def test_a_hook_without_a_priority_has_mellea_s_default(tmp_path: Path) -> None:
    assert hook_in(tmp_path, "pass").spec.priority == 50


def test_every_method_of_a_plugin_is_a_hook_of_its_own(tmp_path: Path) -> None:
    hooks = hooks_in(
        tmp_path,
        """
        class Guard(Plugin, name="my guard", priority=5):
            @hook(H.COMPONENT_PRE_EXECUTE, priority=1)
            async def first(self, payload, ctx): ...

            @hook(H.COMPONENT_POST_SUCCESS, mode=M.AUDIT)
            async def second(self, payload, ctx): ...
        """,
    )
    assert [(h.spec.name, h.spec.mode, h.spec.priority) for h in hooks] == [
        ("my_guard.component_pre_execute", Mode.SEQUENTIAL, 1),
        ("my_guard.component_post_success", Mode.AUDIT, 5),
    ]


def test_an_instance_is_served_in_place_of_one_made_from_its_class(tmp_path: Path) -> None:
    (hook,) = hooks_in(
        tmp_path,
        """
        class Guard(Plugin, name="guard"):
            def __init__(self, code):
                self.code = code

            @hook(H.COMPONENT_PRE_EXECUTE)
            async def check(self, payload, ctx):
                return block("no", code=self.code)

        guard = Guard("MINE")
        """,
    )
    violation = run_hook(hook, BEFORE).violation
    assert violation is not None
    assert violation.code == "MINE"


def test_a_set_gives_its_priority_to_what_is_in_it_and_the_outer_set_wins(tmp_path: Path) -> None:
    hooks = hooks_in(
        tmp_path,
        """
        @hook(H.COMPONENT_PRE_EXECUTE, priority=10)
        async def inside(payload, ctx): ...

        @hook(H.COMPONENT_PRE_EXECUTE, priority=20)
        async def outside(payload, ctx): ...

        inner = PluginSet("inner", [inside])
        outer = PluginSet("outer", [inner], priority=3)
        """,
    )
    assert {h.spec.name: h.spec.priority for h in hooks} == {
        "sample.inside": 3,
        "sample.outside": 20,
    }


def test_a_cpex_plugin_is_served_with_the_failure_policy_that_it_names(tmp_path: Path) -> None:
    named, unnamed = hooks_in(
        tmp_path,
        """
        from cpex.framework.models import OnError, PluginConfig
        from mellea.plugins.base import MelleaPlugin

        class Raw(MelleaPlugin):
            async def tool_pre_invoke(self, payload, context):
                return PluginResult(continue_processing=True)

        class WithExtensions(Raw):
            async def tool_pre_invoke(self, payload, context, extensions):
                return block(f"extensions: {extensions}")

        def config(name, **terms):
            return PluginConfig(name=name, kind="raw", hooks=["tool_pre_invoke"], **terms)

        named = Raw(config("named", on_error=OnError.IGNORE))
        unnamed = WithExtensions(config("unnamed", priority=9))
        """,
    )
    assert (named.spec.name, unnamed.spec.name) == (
        "named.tool_pre_invoke",
        "unnamed.tool_pre_invoke",
    )
    assert named.spec.on_error is not None
    assert named.spec.on_error.default is OnError.IGNORE
    assert (unnamed.spec.on_error, unnamed.spec.priority) == (None, 9)
    assert run_hook(named, {}).proceeded
    violation = run_hook(unnamed, {}).violation
    assert violation is not None
    assert violation.reason == "extensions: None"


def test_hooks_fail_as_in_mellea_only_when_that_is_asked_for(tmp_path: Path) -> None:
    source = """
        from cpex.framework.models import PluginConfig
        from mellea.plugins.base import MelleaPlugin

        @hook(H.TOOL_PRE_INVOKE)
        async def it(payload, ctx): ...

        class Raw(MelleaPlugin):
            async def tool_pre_invoke(self, payload, context): ...

        raw = Raw(PluginConfig(name="raw", kind="raw", hooks=["tool_pre_invoke"]))
        """
    ours = hooks_in(tmp_path, source)
    as_in_mellea = hooks_in(tmp_path, source, fails_open=True)
    assert [hook.spec.on_error for hook in ours] == [None, None]
    assert [hook.spec.on_error for hook in as_in_mellea] == [
        ErrorPolicy(default=OnError.IGNORE),
        ErrorPolicy(default=OnError.FAIL),
    ]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nothing = 1", "holds no hook written for mellea"),
        (
            "@hook('no_such_type')\nasync def it(payload, ctx): ...",
            "'no_such_type' is no hook type of mellea",
        ),
        (
            "class G(Plugin, name='g'):\n"
            "    def __init__(self, needed): ...\n"
            "    @hook(H.TOOL_PRE_INVOKE)\n"
            "    async def it(self, payload, ctx): ...",
            "class G cannot be made without arguments",
        ),
        (
            "class G(Plugin):\n    @hook(H.TOOL_PRE_INVOKE)\n    async def it(self, p, c): ...",
            "plugin class G has no name",
        ),
        (
            "@hook(H.TOOL_PRE_INVOKE)\nasync def it(payload, ctx): ...\n"
            "a = PluginSet('a', [it], priority=1)\nb = PluginSet('b', [it], priority=2)",
            "two hooks are called sample.it",
        ),
        (
            "from cpex.framework.models import PluginConfig\n"
            "from mellea.plugins.base import MelleaPlugin\n"
            "class Adapter(MelleaPlugin):\n"
            "    async def invoke_hook(self, hook_type, payload, context): ...\n"
            "it = Adapter(PluginConfig(name='far', kind='k', hooks=['tool_pre_invoke']))",
            "plugin far hands its calls to hooks elsewhere",
        ),
        (
            "from cpex.framework.models import PluginConfig\n"
            "from mellea.plugins.base import MelleaPlugin\n"
            "it = MelleaPlugin(PluginConfig(name='bare', kind='k', hooks=['tool_pre_invoke']))",
            "plugin bare has no `async def tool_pre_invoke`",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(
    tmp_path: Path, source: str, problem: str
) -> None:
    with pytest.raises(DefinitionError, match=problem):
        hooks_in(tmp_path, source)


def test_only_changed_fields_are_in_the_patch_and_opaque_values_come_back_as_they_were(
    tmp_path: Path,
) -> None:
    hook = hook_in(
        tmp_path,
        """
        options = dict(payload.model_options)
        options.setdefault("temperature", 0.7)
        return modify(payload, model_options=options, requirements=payload.requirements,
                      tool_calls_enabled=False)
        """,
    )
    options = BEFORE["model_options"]
    assert isinstance(options, dict)
    assert run_hook(hook, BEFORE).changed == {"model_options": {**options, "temperature": 0.7}}


def test_integers_and_floats_survive_a_modification(tmp_path: Path) -> None:
    hook = hook_in(
        tmp_path, "return modify(payload, model_options=payload.model_options | {'n': 3})"
    )
    changed = run_hook(hook, BEFORE).changed["model_options"]
    assert isinstance(changed, dict)
    assert changed["seed"] == 2**60 + 1
    assert isinstance(changed["top_p"], float)


def test_a_block_carries_code_description_and_details(tmp_path: Path) -> None:
    hook = hook_in(
        tmp_path, "return block('no', code='N', description='longer', details={'a': [1]})"
    )
    violation = run_hook(hook, BEFORE).violation
    assert violation is not None
    assert (violation.reason, violation.code, violation.description, violation.details) == (
        "no",
        "N",
        "longer",
        b'{"a":[1]}',
    )


@pytest.mark.parametrize(
    "body",
    [
        "return None",
        "return PluginResult()",
        "return PluginResult(modified_payload=payload)",
        "return modify(payload)",
    ],
)
def test_an_answer_that_changes_nothing_proceeds(tmp_path: Path, body: str) -> None:
    assert run_hook(hook_in(tmp_path, body), BEFORE).proceeded


def test_a_halt_without_a_violation_is_a_block_all_the_same(tmp_path: Path) -> None:
    hook = hook_in(tmp_path, "return PluginResult(continue_processing=False)")
    assert run_hook(hook, BEFORE).violation is not None


@pytest.mark.parametrize(
    "body",
    [
        "return True",
        "return {'continue_processing': True}",
        "return PluginResult(modified_payload={'model_options': {}})",
        "return PluginResult(continue_processing=False, "
        "modified_payload=payload.model_copy(update={'tool_calls_enabled': True}))",
    ],
)
def test_two_answers_or_none_that_is_known_are_malformed(tmp_path: Path, body: str) -> None:
    failure = run_hook(hook_in(tmp_path, body), BEFORE).failure
    assert failure is not None
    assert failure.failure_class is FailureClass.MALFORMED


@pytest.mark.parametrize(
    "body",
    [
        "payload.component_type = 'other'",
        "del payload.component_type",
        "payload.model_options['temperature'] = 1",
        "payload.requirements.append(None)",
        "payload.action._description = 'other'",
        "payload.requirements[0].description = 'other'",
    ],
)
def test_a_change_in_place_is_refused_and_modify_is_named(
    tmp_path: Path, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    failure = run_hook(hook_in(tmp_path, body), BEFORE).failure
    assert failure is not None
    assert failure.failure_class is FailureClass.RAISED
    assert "return modify(payload, field=new_value)" in caplog.text


def test_what_a_hook_leaves_in_the_global_state_is_there_for_the_next_in_the_same_call(
    tmp_path: Path,
) -> None:
    hook = hook_in(
        tmp_path,
        """
        seen = ctx.global_context.state.get("seen", [])
        ctx.global_context.state["seen"] = [*seen, payload.action_id]
        return block("seen", details={"seen": seen})
        """,
    )
    first = run_hook(hook, BEFORE)
    assert first.state == {"shared.mellea.state.seen": ["test-call", ["a-1"]]}
    second = run_hook(hook, BEFORE, state=first.state)
    assert second.state == {"shared.mellea.state.seen": ["test-call", ["a-1", "a-1"]]}


def test_the_global_state_of_an_earlier_call_is_gone(tmp_path: Path) -> None:
    hook = hook_in(tmp_path, "return block(str(ctx.global_context.state))")
    result = run_hook(hook, BEFORE, state={"shared.mellea.state.seen": ["another-call", 1]})
    assert result.violation is not None
    assert result.violation.reason == "{}"
    assert result.state_removed == {"shared.mellea.state.seen"}


def test_the_context_says_who_the_call_is_for(tmp_path: Path) -> None:
    hook = hook_in(
        tmp_path,
        """
        known = ctx.global_context
        return block("who", details={
            "context": [known.request_id, known.user, known.tenant_id, known.state],
            "payload": [payload.session_id, payload.request_id, payload.hook],
        })
        """,
    )
    result = run_hook(
        hook,
        BEFORE,
        request_id="r",
        user="u",
        tenant="t",
        session_id="s",
        labels={"mellea.backend_name": "granite"},
    )
    assert result.violation is not None
    assert result.violation.details == (
        b'{"context":["r","u","t",{"backend_name":"granite"}],'
        b'"payload":["s","r","component_pre_execute"]}'
    )


def test_a_payload_is_one_of_mellea_s_class(tmp_path: Path) -> None:
    hook = hook_in(
        tmp_path,
        """
        from mellea.plugins.hooks.component import ComponentPreExecutePayload
        assert isinstance(payload, ComponentPreExecutePayload)
        assert type(payload).__name__ == "ComponentPreExecutePayload"
        assert payload.timestamp.tzinfo is not None
        """,
    )
    assert run_hook(hook, BEFORE).proceeded


def test_a_field_that_was_not_sent_has_no_default_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failure = run_hook(hook_in(tmp_path, "payload.component_type"), {}).failure
    assert failure is not None
    assert failure.code == "NotProjectedError"
    assert "payload.component_type was not handed to this hook" in caplog.text


@pytest.mark.parametrize("action", ["text", {"kind": "component"}, [1]])
def test_a_payload_of_another_shape_is_a_failure_that_names_the_field(
    tmp_path: Path, action: object, caplog: pytest.LogCaptureFixture
) -> None:
    failure = run_hook(hook_in(tmp_path, "pass"), {"action": action}).failure
    assert failure is not None
    assert failure.code == "MalformedError"
    assert "payload.action: is no component as docs/mellea.md#projections" in caplog.text
