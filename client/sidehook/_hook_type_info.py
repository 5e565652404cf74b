"""What is known of a hook type and its fields. Pure, immutable data.

The known hook types themselves are in `sidehook._catalogue`, generated from the
catalogue of the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInfo:
    """One field of a payload.

    Attributes:
        name: The field's name.
        type: `string`, `integer`, `number`, `boolean`, `json`, `object`,
            `string_map` or the name of a projection, with `[]` after it for a
            list of it.
        nullable: The value may be null.
        writable: A hook may replace it.
        answer: The application does not send it; a hook adds it as its answer.
        description: What it is, in one sentence.
    """

    name: str
    type: str
    nullable: bool = False
    writable: bool = False
    answer: bool = False
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTypeInfo:
    """One hook type of the catalogue.

    Attributes:
        name: The name of the hook type.
        source: The framework whose hook point it is: `mellea` or `cpex`.
        description: When its hooks run, in one sentence.
        blockable: A block stops the application. Where it does not, the
            framework swallows it.
        fields: The payload's fields by name, in their order.
        writable: The names of the fields that hooks may replace or add.
    """

    name: str
    source: str
    description: str
    blockable: bool
    fields: Mapping[str, FieldInfo]
    writable: frozenset[str]
