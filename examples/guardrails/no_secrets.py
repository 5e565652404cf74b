"""No credential leaves for the model: a guard on Kingfisher's detection rules.

Kingfisher compiles its bundled rules once (about half a second) and scans in
microseconds, in this process and without the network. What it found is named by
rule and field; the secret itself is in no message, no detail and no log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kingfisher_sdk import Scanner

from sidehook import Context, HookType, Mode, Payload, block, hook
from sidehook.worker import HookReturn

# Compiled when the worker starts and not in the first call, which would have to wait.
_SCANNER = Scanner()


def texts_in(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield `(path, text)` for every string in a JSON value, object keys included.

    Keys are yielded too because a secret in a key leaks as well as one in a value.
    """
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield f"{path}.{key}", str(key)
            yield from texts_in(member, f"{path}.{key}")
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for index, item in enumerate(value):
            yield from texts_in(item, f"{path}[{index}]")


def _found_in(payload: Payload) -> list[tuple[str, str]]:
    """Rule id and top-level field of every credential in the payload."""
    return sorted(
        {
            (finding.rule_id, field)
            for field, value in payload.items()
            for _, text in texts_in(value, field)
            for finding in _SCANNER.scan(text)
            if finding.visible
        }
    )


def _no_secrets(payload: Payload, ctx: Context) -> HookReturn:
    found = _found_in(payload)
    if not found:
        return None
    fields = sorted({field for _, field in found})
    return block(
        f"a credential stands in {', '.join(fields)}",
        code="SECRET_FOUND",
        description="Take the credential out and rotate it.",
        details={"findings": [{"rule": rule, "field": field} for rule, field in found]},
    )


@hook(HookType.COMPONENT_PRE_EXECUTE, mode=Mode.CONCURRENT, name="no-secrets-in-prompts")
def no_secrets_in_prompts(payload: Payload, ctx: Context) -> HookReturn:
    """Block a prompt that holds a credential."""
    return _no_secrets(payload, ctx)


@hook(HookType.TOOL_PRE_INVOKE, mode=Mode.CONCURRENT, name="no-secrets-in-tool-calls")
def no_secrets_in_tool_calls(payload: Payload, ctx: Context) -> HookReturn:
    """Block a tool call whose arguments hold a credential."""
    return _no_secrets(payload, ctx)
