"""The configuration reference, made of the tables that the loader reads by."""

from __future__ import annotations

from collections.abc import Iterator

from sidehook_server.config.kinds import Kind
from sidehook_server.config.schema import CONFIG
from sidehook_server.config.table import (
    Key,
    ListOf,
    ListOfSections,
    Policy,
    Section,
    Takes,
    default_of,
)

_HEAD = """\
<!-- Generated from the tables in sidehook_server.config.schema; a test keeps it fresh. -->
# Configuration

`sidehook serve --config sidehook.yaml` reads one YAML file. Everything has a default: without a
file the sidecar listens on Unix sockets of its user, and any worker of that user may attach.
Every problem is reported at once, with its file, line and column, before an address is bound, and
the exit code is then 64. A change of the file is followed while the sidecar runs, for most keys:
[reloading.md](reloading.md).

```yaml
"""

EXAMPLE = """\
listen:
  socket: /run/sidehook/sidehook.sock
  socket_mode: 0660
  admin: 127.0.0.1:9480

hook_types:
  - name: invoice_pre_send
    writable: [recipient, lines]
    required: true

workers:
  - name: pii
    target: unix:///run/pii/worker.sock
    types: [component_pre_execute]
    hooks:
      - name: redact
        mode: transform
        priority: 10
        timeout: 200ms
        on_error: fail
        required: true
  - name: metrics
    optional: true
    hooks:
      - name: count
        on_error:
          default: ignore
          malformed: fail

callers:
  - name: chat
    unix_socket: true
    hook_types: [component_*, invoice_pre_send]

limits:
  max_payload_bytes: 4MiB
  default_budget: 5s

detached:
  when_full: wait
  journal: /var/lib/sidehook/journal.sqlite
"""
"""A configuration that uses a little of everything; it loads without a problem."""

_VALUES = """\
```

## Values

| Value | How it is written |
|---|---|
| time | `200ms`, `5s`, `2m`, `1h`, or a number of seconds |
| size | `64KiB`, `16MiB`, `1GiB`, or a number of bytes |
| path | relative to the folder of the file |
| socket path | a path of at most 107 bytes, with or without `unix://` before it |
| address | `127.0.0.1:7000`, `[::1]:7000`; port 0 lets the system choose |
| target | `unix:///path/to/worker.sock`, `host:port`, `dns:///host:port` |
| file mode | three octal digits, such as `0660` |
| hook type, name | letters, digits, `_`, `-` and `.`, in a hook's name also `:`; at most 128 |
| pattern | as a hook type, with at most one `*`, which stands for any characters |
"""


def render_reference() -> str:
    """The text of docs/configuration.md."""
    return "".join((_HEAD, EXAMPLE, _VALUES, *_sections(CONFIG, "", "")))


def _sections(section: Section, path: str, text: str) -> Iterator[str]:
    """A section with its table, and those below it."""
    yield f"\n## {f'`{path}`' if path else 'Keys'}\n\n"
    if text:
        yield f"{text}\n\n"
    yield "| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
    for key in section.keys:
        yield f"| `{key.name}` | {_label(key.takes)} | {_default(section, key)} | {key.text} |\n"
    for key in section.keys:
        below = f"{path}.{key.name}" if path else key.name
        match key.takes:
            case Section():
                yield from _sections(key.takes, below, key.text)
            case ListOfSections():
                yield from _sections(key.takes.section, f"{below}[]", key.text)
            case _:
                pass


def _label(takes: Takes) -> str:
    match takes:
        case Section():
            return "keys"
        case ListOfSections():
            return "list"
        case ListOf():
            return f"list of {takes.kind.label}s"
        case Policy():
            return "`fail`, `ignore` or `disable`, or a mapping"
        case Kind():
            return takes.label


def _default(section: Section, key: Key) -> str:
    return "required" if key.required else default_of(section, key)
