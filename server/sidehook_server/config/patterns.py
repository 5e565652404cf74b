"""Patterns of names: a name as it stands, or with one `*` for any characters."""

from __future__ import annotations


def fits(pattern: str, name: str) -> bool:
    """Whether a pattern stands for a name."""
    head, star, tail = pattern.partition("*")
    if not star:
        return name == pattern
    return len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail)
