"""A ValidatingAdmissionPolicy, evaluated in the order in which the API server does it."""

from __future__ import annotations

from cel_expr_python import cel

from tests.kubernetes.objects import Object, selects


class ExpressionError(Exception):
    """An expression of a policy that is no CEL, or that ended in an error."""


def refusals(policy: Object, pod: Object) -> list[str]:
    """Return the messages with which a policy refuses a pod; none when it lets it in."""
    spec = policy["spec"]
    selector = spec["matchConstraints"].get("objectSelector")
    if selector is not None and not selects(selector, pod["metadata"].get("labels") or {}):
        return []
    variables: Object = {}
    data = {"object": pod, "variables": variables}
    for variable in spec.get("variables", ()):
        variables[variable["name"]] = _value(variable["expression"], data)
    return [
        str(validation["message"])
        for validation in spec["validations"]
        if _value(validation["expression"], data) is not True
    ]


def _value(expression: str, data: Object) -> object:
    environment = cel.NewEnv(variables={"object": cel.Type.DYN, "variables": cel.Type.DYN})
    try:
        value = environment.compile(expression).eval(data=data)
    except RuntimeError as error:
        raise ExpressionError(f"{expression}: {error}") from error
    if value.type().name() == "ERROR":
        raise ExpressionError(f"{expression}: {value.value()}")
    return value.plain_value()
