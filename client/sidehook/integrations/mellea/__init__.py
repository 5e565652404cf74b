"""Remote hooks in applications that are written with mellea.

::

    from sidehook.integrations.mellea import RemoteHooks

    with start_session(plugins=[RemoteHooks()]) as session:
        session.instruct("Name the four seasons.")

A remote no reaches the application as mellea's own PluginViolationError, and
`violation_of(error)` gives the whole of it.
"""

from __future__ import annotations

try:
    from sidehook.integrations.mellea._adapter import RemoteHooks
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in ("cpex", "mellea"):
        raise
    raise ImportError(
        "sidehook.integrations.mellea needs mellea and its plugin framework: "
        "pip install 'sidehook[mellea]'"
    ) from error
from sidehook.integrations.mellea._choices import Choices
from sidehook.integrations.mellea._violation import RemoteViolation, violation_of

__all__ = ["Choices", "RemoteHooks", "RemoteViolation", "violation_of"]
