"""`sidehook lint`: what an operator should look at."""

from __future__ import annotations

import json

from rich.table import Table

from sidehook_server.advice.lint import lint
from sidehook_server.cli.console import console
from sidehook_server.cli.exits import Exit
from sidehook_server.cli.planned import Planned


def show_findings(planned: Planned, *, as_json: bool) -> int:
    """Print every finding; the exit code says whether there are any."""
    plans = [planned.plans[name] for name in sorted(planned.plans)]
    findings = lint(
        plans,
        planned.settings,
        scope_calls=planned.scope_calls,
        exposure=planned.exposure,
    )
    if as_json:
        rows = [
            {"code": it.code.value, "hook_type": it.hook_type, "hook": it.hook, "text": it.text}
            for it in findings
        ]
        print(json.dumps(rows, indent=2))
    elif findings:
        table = Table("finding", "hook type", "hook", "what, and what to do")
        for it in findings:
            table.add_row(it.code.value, it.hook_type, it.hook, it.text)
        console().print(table)
    else:
        print("nothing to look at")
    return Exit.NO if findings else Exit.OK
