"""As many hooks as `BENCH_HOOKS` asks for: `TYPE:COUNT,TYPE:COUNT,…`. Each lets everything pass.

They are SEQUENTIAL, so a type with several is a chain.
"""

import os

from sidehook import Context, HookSet, Payload, PluginMode, hook


def _pass_hook(hook_type: str, number: int) -> object:
    @hook(hook_type, name=f"{hook_type}-{number}", mode=PluginMode.SEQUENTIAL, idempotent=True)
    async def let_pass(payload: Payload, ctx: Context) -> None:
        return None

    return let_pass


def _asked_for() -> list[object]:
    hooks: list[object] = []
    for each in os.environ["BENCH_HOOKS"].split(","):
        hook_type, _, count = each.partition(":")
        hooks += [_pass_hook(hook_type, number) for number in range(int(count))]
    return hooks


many = HookSet("many", *_asked_for())
