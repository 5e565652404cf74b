"""The catalogue of hook types as a page of the docs."""

from catalogue import ORIGIN, Catalogue, Field, HookType, Projection


def page(catalogue: Catalogue) -> str:
    """Return the page as Markdown."""
    made_for = " and ".join(f"{name} {version}" for name, version in catalogue.made_for.items())
    return "\n".join(
        [
            f"<!-- Generated from {ORIGIN} by `make proto`. -->",
            "# Hook types",
            "",
            f"The hook types that Sidehook knows: those of {made_for}. Your own are declared",
            "in the configuration. A type says when its hooks run, which fields their payload",
            "has, and which of these a hook may replace with `modify`; a change to any other",
            "field is rejected and reported. *Answer* marks a field that the application does",
            "not send and a hook adds.",
            "",
            "Types of fields: `string`, `integer` (within 64 bits), `number`, `boolean`, `json`",
            "(any value), `object`, `string_map` (an object whose values are strings), and the",
            "[projections](#projections), each with `[]` for a list of it.",
            "",
            "## Types",
            "",
            *(f"- [`{known.name}`](#{_anchor(known.name)})" for known in catalogue.hook_types),
            "",
            *(line for known in catalogue.hook_types for line in _type_section(known)),
            *_base_section(catalogue),
            "## Projections",
            "",
            "The JSON in which a live object of the application crosses to a hook.",
            "",
            *(line for item in catalogue.projections for line in _projection_section(item)),
        ]
    )


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _type_section(hook_type: HookType) -> list[str]:
    rows = (
        f"| `{field.name}` | {_shown_type(field)} | {_rights(field)} | {field.told} |"
        for field in hook_type.fields
    )
    return [
        f"### `{hook_type.name}`",
        "",
        hook_type.told + ("" if hook_type.blockable else " It is recorded as suppressed."),
        "",
        "| field | type | a hook may | what it is |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _rights(field: Field) -> str:
    return "answer" if field.answer else "write" if field.writable else "read"


def _shown_type(field: Field) -> str:
    return f"`{field.type}`" + (", null" if field.nullable else "")


def _base_section(catalogue: Catalogue) -> list[str]:
    return [
        "## What every mellea payload has",
        "",
        "| field | how it travels |",
        "|---|---|",
        *(f"| `{name}` | {text} |" for name, text in catalogue.base_fields.items()),
        "",
    ]


def _projection_section(projection: Projection) -> list[str]:
    rows = [
        f"| `{field.name}` | {_shown_type(field)}{', optional' if field.optional else ''} "
        f"| {field.told} |"
        for field in projection.fields
    ]
    table = ["| member | type | what it is |", "|---|---|---|", *rows, ""] if rows else []
    values = [f"Any member name; each value is `{projection.values}`.", ""]
    write = [f"A hook sends back: {projection.write}", ""]
    return [
        f"### `{projection.name}`",
        "",
        projection.description,
        "",
        *(values if projection.values else []),
        *table,
        *(write if projection.write else []),
    ]
