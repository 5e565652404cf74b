from collections.abc import Callable

import pytest

from sidehook._catalogue import HookType
from sidehook._errors import DefinitionError
from sidehook._manifest import ErrorPolicy, HookSpec
from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook.worker import Context, PluginMode, hook
from sidehook.worker._hook import definition_of

TYPE = "component_pre_execute"


def plain(payload: object, ctx: Context) -> None:
    """Does nothing.

    At length.
    """


def spec_of(handler: object) -> HookSpec:
    definition = definition_of(handler)
    assert definition is not None
    return definition.spec


def decorated(**terms: object) -> HookSpec:
    def handler(payload: object, ctx: Context) -> None: ...

    return spec_of(hook(TYPE, **terms)(handler))  # type: ignore[arg-type]  # any term, bad ones too


def test_the_function_comes_back_unchanged() -> None:
    def handler(payload: object, ctx: Context) -> None: ...

    assert hook(TYPE)(handler) is handler


def test_terms_that_are_not_given_stay_open() -> None:
    spec = decorated()

    assert spec == HookSpec(name="handler", hook_type=TYPE)


def test_every_term_arrives_in_the_definition() -> None:
    policy = ErrorPolicy(default=OnError.FAIL, overrides={FailureClass.TIMEOUT: OnError.IGNORE})

    assert decorated(
        mode=Mode.AUDIT,
        name="watch",
        priority=-5,
        timeout=0.5,
        on_error=policy,
        scope="guardrails",
        condition="payload.x > 1",
        fields=["a", "b"],
        requires_final_payload=False,
        idempotent=True,
        on_rejected=OnRejected.ERROR,
        sample=0.25,
        description="Watches.",
    ) == HookSpec(
        name="watch",
        hook_type=TYPE,
        mode=Mode.AUDIT,
        priority=-5,
        timeout=0.5,
        on_error=policy,
        scope="guardrails",
        condition="payload.x > 1",
        fields=("a", "b"),
        requires_final_payload=False,
        idempotent=True,
        on_rejected=OnRejected.ERROR,
        sample=0.25,
        description="Watches.",
    )


def test_modes_and_policies_may_be_given_as_text() -> None:
    spec = decorated(mode="transform", on_error="ignore", on_rejected="error")

    assert spec.mode is Mode.TRANSFORM
    assert spec.on_error == ErrorPolicy(default=OnError.IGNORE)
    assert spec.on_rejected is OnRejected.ERROR


def test_plugin_mode_is_mode() -> None:
    assert PluginMode is Mode


def test_a_hook_type_of_the_catalogue_travels_as_plain_text() -> None:
    def handler(payload: object, ctx: Context) -> None: ...

    spec = spec_of(hook(HookType.COMPONENT_PRE_EXECUTE)(handler))

    assert spec.hook_type == TYPE
    assert type(spec.hook_type) is str


def test_the_name_is_the_functions_own_without_where_it_was_made() -> None:
    assert spec_of(hook(TYPE)(plain)).name == "plain"
    del plain.__sidehook__  # type: ignore[attr-defined]  # other tests decorate it anew


def test_the_first_line_of_the_docstring_describes_the_hook() -> None:
    assert spec_of(hook(TYPE)(plain)).description == "Does nothing."
    del plain.__sidehook__  # type: ignore[attr-defined]  # other tests decorate it anew


def test_a_set_of_fields_is_declared_in_one_order() -> None:
    assert decorated(fields={"c", "a", "b"}).fields == ("a", "b", "c")


def test_no_fields_at_all_is_not_the_same_as_fields_not_given() -> None:
    assert decorated(fields=()).fields == ()


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"mode": "sometimes"}, "mode 'sometimes' is none of sequential, transform, audit,"),
        ({"mode": 3}, "mode 3 is none of"),
        ({"name": ""}, r"name '' must be a name of 1 to 128 of letters"),
        ({"name": "a b"}, r"name 'a b' must be a name"),
        ({"name": "x" * 129}, r"must be a name of 1 to 128"),
        ({"priority": "high"}, "priority 'high' must be an int from -1000000 to 1000000"),
        ({"priority": True}, "priority True must be an int"),
        ({"priority": 1_000_001}, "priority 1000001 must be an int"),
        ({"timeout": 0}, "timeout 0 must be seconds over 0 and up to 3600"),
        ({"timeout": -1.5}, "timeout -1.5 must be"),
        ({"timeout": 3601}, "timeout 3601 must be"),
        ({"timeout": float("nan")}, "timeout nan must be"),
        ({"timeout": "5s"}, "timeout '5s' must be"),
        ({"on_error": "explode"}, "on_error 'explode' is none of fail, ignore, disable"),
        ({"scope": ""}, "scope '' must be a name that is not empty"),
        ({"condition": " "}, "condition ' ' must be a CEL expression that is not empty"),
        ({"fields": "model_options"}, r"fields is a collection of field names, such as \('model_"),
        ({"fields": 5}, "fields is a collection of field names"),
        ({"fields": ["a", "a"]}, "must be names that are not empty, each once"),
        ({"fields": ["a", ""]}, "must be names that are not empty, each once"),
        ({"requires_final_payload": "yes"}, "requires_final_payload 'yes' must be a bool"),
        (
            {"requires_final_payload": True, "mode": "concurrent"},
            "requires_final_payload True must be for mode SEQUENTIAL only",
        ),
        ({"idempotent": 1}, "idempotent 1 must be a bool"),
        ({"on_rejected": "shrug"}, "on_rejected 'shrug' is none of drop, error"),
        ({"sample": 0.0, "mode": "audit"}, "sample 0.0 must be a share over 0 and up to 1"),
        ({"sample": 1.1, "mode": "audit"}, "sample 1.1 must be a share"),
        ({"sample": 0.5}, "sample 0.5 must be for modes AUDIT and FIRE_AND_FORGET only"),
        ({"sample": 0.5, "mode": "transform"}, "for modes AUDIT and FIRE_AND_FORGET only"),
        ({"description": 5}, "description 5 must be a str"),
    ],
)
def test_a_bad_term_is_refused_at_decoration_by_name(
    terms: dict[str, object], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        decorated(**terms)

    assert str(caught.value).startswith("@hook on decorated.<locals>.handler: ")


@pytest.mark.parametrize("hook_type", ["", "a b", "x" * 129, "tool/pre"])
def test_a_bad_hook_type_is_refused(hook_type: str) -> None:
    def handler(payload: object, ctx: Context) -> None: ...

    with pytest.raises(DefinitionError, match=r"hook_type .* must be a name of 1 to 128"):
        hook(hook_type)(handler)


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(DefinitionError, match=r"name '<lambda>' must be .* give one with name="):
        hook(TYPE)(lambda payload, ctx: None)

    assert spec_of(hook(TYPE, name="nothing")(lambda payload, ctx: None)).name == "nothing"


def test_a_function_with_another_signature_is_refused_and_shown() -> None:
    def handler(payload: object) -> None: ...

    with pytest.raises(DefinitionError, match=r"called with \(payload, ctx\), and its signature"):
        hook(TYPE)(handler)


def test_a_method_with_another_signature_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"called with \(self, payload, ctx\)"):

        class Guard:
            @hook(TYPE)
            def check(self) -> None: ...


def test_a_generator_is_refused() -> None:
    def handler(payload: object, ctx: Context) -> object:
        yield 1

    with pytest.raises(DefinitionError, match="answers once, so it cannot be a generator"):
        hook(TYPE)(handler)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (staticmethod(plain), "put @hook below @staticmethod, next to the def"),
        (classmethod(plain), "put @hook below @classmethod, next to the def"),
        (Context, "decorates a function or method, not a class"),
        (7, "decorates a function or method, not int"),
    ],
)
def test_only_functions_are_decorated(thing: Callable[..., object], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        hook(TYPE)(thing)


def test_a_function_is_one_hook_only() -> None:
    def handler(payload: object, ctx: Context) -> None: ...

    hook(TYPE)(handler)
    with pytest.raises(DefinitionError, match="is a hook already"):
        hook("tool_pre_invoke")(handler)
