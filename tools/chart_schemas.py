"""Write `values.schema.json` of every chart in deploy/helm, or `--check` that they are fresh.

The charts share most of their values, and JSON Schema cannot refer from one chart to another;
so what they share is said here once. Everything is strict: a key that is not known is refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

Schema: TypeAlias = Mapping[str, object]

CHARTS: Final = Path(__file__).resolve().parent.parent / "deploy" / "helm"


def _fields(**properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items} | ({"minItems": least} if least else {})


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _one_of(*words: str) -> Schema:
    return {"enum": list(words)}


ANY_TEXT: Final[Schema] = {"type": "string"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
# What Kubernetes defines, and validates itself.
FREE: Final[Schema] = {"type": "object"}
FREE_LIST: Final = _list(FREE)

PORT: Final = _whole(1024, 65535)
ID: Final = _whole(1, 2147483647)
SECONDS: Final = _whole(0, 3600)
NAME: Final = _text(r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")
DNS_NAME: Final = _text(r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$")
LABELS: Final = _map(_text(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"))
QUANTITY: Final[Schema] = {
    "anyOf": [
        _text(r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"),
        {"type": "number", "exclusiveMinimum": 0},
    ]
}
FILE_MODE: Final = _text("^0[0-7]{3}$")
# 107 bytes are the longest path of a socket, and `/sidehook.sock` is 14 of them.
FOLDER: Final[Schema] = {"type": "string", "pattern": "^/[^:,\n]*[^/:,\n]$", "maxLength": 93}
INTERVAL: Final = _text("^[1-9][0-9]*(s|m|h)$")
COUNT_OR_SHARE: Final[Schema] = {"anyOf": [_whole(0, 10000), _text("^(100|[0-9]{1,2})%$")]}

IMAGE_FIELDS: Final[Mapping[str, Schema]] = {
    "registry": _text("^([a-zA-Z0-9][-a-zA-Z0-9.]*(:[0-9]+)?)?$"),
    "repository": _text("^([a-z0-9][a-z0-9._/-]*)?$"),
    "tag": _text(r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"),
    "digest": _text("^(sha256:[0-9a-f]{64})?$"),
    "pullPolicy": _one_of("Always", "IfNotPresent", "Never"),
}
_PINNED: Final[Schema] = {
    "required": ["repository"],
    "properties": {"repository": {"minLength": 1}},
    "anyOf": [
        {"required": ["tag"], "properties": {"tag": {"minLength": 1}}},
        {"required": ["digest"], "properties": {"digest": {"minLength": 1}}},
    ],
}
# A reference without tag and digest would be `latest`.
IMAGE: Final[Schema] = {**_fields(**IMAGE_FIELDS), **_PINNED, "properties": IMAGE_FIELDS}

RESOURCES: Final = _fields(requests=_map(QUANTITY), limits=_map(QUANTITY))
GLOBAL: Final[Schema] = {
    "type": "object",
    "properties": {
        "imageRegistry": IMAGE_FIELDS["registry"],
        "imagePullSecrets": _list(NAME),
    },
}

# What the charts decide is refused in `config`, so that nobody believes to have set it.
CONFIG: Final[Schema] = {
    "type": "object",
    "properties": {
        "listen": False,
        "state_dir": False,
        "limits": {"type": "object", "properties": {"drain_timeout": False}},
        "detached": {
            "type": "object",
            "properties": dict.fromkeys(
                ("journal", "journal_payloads", "journal_key_file", "journal_mask"), False
            ),
        },
    },
}
JOURNAL: Final = _fields(
    enabled=BOOLEAN,
    payloads=_one_of("plain", "encrypted", "masked"),
    keySecret=_fields(name=DNS_NAME, key=_text("^[-._a-zA-Z0-9]+$")),
    mask=_list(ANY_TEXT),
)
PROBES: Final = _fields(
    periodSeconds=_whole(1, 300),
    timeoutSeconds=_whole(1, 60),
    startupFailureThreshold=_whole(1, 600),
    livenessFailureThreshold=_whole(1, 60),
    readinessFailureThreshold=_whole(1, 60),
)
MONITOR: Final = _fields(enabled=BOOLEAN, interval=INTERVAL, labels=LABELS)
RULES: Final = _fields(enabled=BOOLEAN, labels=LABELS, ruleLabels=LABELS)
TEST: Final[Mapping[str, Schema]] = {"enabled": BOOLEAN, "seconds": _whole(1, 600)}

SIDECAR: Final[Mapping[str, Schema]] = {
    "image": IMAGE,
    "config": CONFIG,
    "logLevel": _one_of("debug", "info", "warning", "error"),
    "user": ID,
    "group": ID,
    "gate": _one_of("started", "ready"),
    "probes": PROBES,
    "journal": JOURNAL,
    "resources": RESOURCES,
    "env": FREE_LIST,
    "extraVolumes": FREE_LIST,
    "extraVolumeMounts": FREE_LIST,
    "rules": RULES,
}
WORKLOAD: Final[Mapping[str, Schema]] = {
    "global": GLOBAL,
    "image": IMAGE,
    "imagePullSecrets": _list(NAME),
    "replicas": _whole(0, 10000),
    "resources": RESOURCES,
    "env": FREE_LIST,
    "podLabels": LABELS,
    "podAnnotations": _map(ANY_TEXT),
    "autoscaling": _fields(
        enabled=BOOLEAN,
        minReplicas=_whole(1, 10000),
        maxReplicas=_whole(1, 10000),
        targetCpuPercent=_whole(1, 1000),
        extraMetrics=FREE_LIST,
        scaleDownWindowSeconds=_whole(0, 3600),
    ),
    "disruptionBudget": _fields(enabled=BOOLEAN, maxUnavailable=COUNT_OR_SHARE),
    "topologySpread": _fields(
        enabled=BOOLEAN,
        over=_list(ANY_TEXT, least=1),
        maxSkew=_whole(1, 100),
        whenUnsatisfiable=_one_of("DoNotSchedule", "ScheduleAnyway"),
    ),
    "nodeSelector": LABELS,
    "tolerations": FREE_LIST,
    "affinity": FREE,
    "priorityClassName": DNS_NAME,
    "test": _fields(**TEST),
}
TLS_FIELDS: Final[Mapping[str, Schema]] = {
    "enabled": BOOLEAN,
    "secretName": DNS_NAME,
    "certificate": _fields(
        create=BOOLEAN,
        issuer=_fields(name=DNS_NAME, kind=_text("^[A-Z][A-Za-z]*$"), group=DNS_NAME),
        duration=INTERVAL,
        renewBefore=INTERVAL,
        uris=_list(_text("^[a-z][a-z0-9+.-]*://.+$")),
    ),
}
SHARED: Final[Mapping[str, Schema]] = {
    "port": PORT,
    "insecure": BOOLEAN,
    "clusterDomain": DNS_NAME,
}
EGRESS: Final = _fields(enabled=BOOLEAN, dnsNamespace=NAME, to=FREE_LIST)

SCHEMAS: Final[Mapping[str, Mapping[str, Schema]]] = {
    "sidehook": {
        **SIDECAR,
        "global": GLOBAL,
        "sidehook-common": FREE,
        "native": BOOLEAN,
        "socket": _fields(directory=FOLDER, mode=FILE_MODE, sizeLimit=QUANTITY),
        "workersSocket": _fields(directory=FOLDER, mode=FILE_MODE),
        "admin": _fields(port=PORT, exposed=BOOLEAN),
        "data": _fields(sizeLimit=QUANTITY, claim=DNS_NAME),
        "tls": _fields(secretName=DNS_NAME, directory=FOLDER),
        "workers": _list(
            {
                **_fields(
                    name=_text("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"),
                    image=IMAGE,
                    command=_list(ANY_TEXT),
                    args=_list(ANY_TEXT),
                    env=FREE_LIST,
                    user=ID,
                    resources=RESOURCES,
                    volumeMounts=FREE_LIST,
                ),
                "required": ["name", "image"],
            }
        ),
        "termination": _fields(appSeconds=SECONDS, drainSeconds=_whole(1, 3600)),
        "appContainers": _list(NAME),
        "required": BOOLEAN,
        "podMonitor": MONITOR,
        "admissionPolicy": _fields(
            create=BOOLEAN,
            name=_text("^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"),
            actions=_list(_one_of("Deny", "Warn", "Audit"), least=1),
            repositories=_list(_text("^[a-z0-9][a-zA-Z0-9._:/-]*$")),
            namespaceSelector=FREE,
        ),
    },
    "sidehook-app": {
        **WORKLOAD,
        # Values of the chart `sidehook`, which has a schema of its own.
        "sidehook": FREE,
        "sidehook-common": FREE,
        "command": _list(ANY_TEXT),
        "args": _list(ANY_TEXT),
        "user": {"anyOf": [ID, {"type": "string", "maxLength": 0}]},
        "ports": {
            **_map(PORT),
            "propertyNames": {"pattern": "^[a-z]([-a-z0-9]{0,13}[a-z0-9])?$"},
        },
        "service": _fields(enabled=BOOLEAN),
        "probes": _fields(startupProbe=FREE, livenessProbe=FREE, readinessProbe=FREE),
        "volumes": FREE_LIST,
        "volumeMounts": FREE_LIST,
    },
    "sidehook-workers": {
        **WORKLOAD,
        **SHARED,
        "sidehook-common": FREE,
        "worker": _text("^([A-Za-z0-9_.-]{1,128})?$"),
        "modules": _list(_text(r"^[A-Za-z0-9_./-]+$")),
        "files": {**_map(ANY_TEXT), "propertyNames": {"pattern": r"^[a-z_][a-z0-9_]*\.py$"}},
        "command": _list(ANY_TEXT),
        "args": _list(ANY_TEXT),
        "threads": _whole(1, 1024),
        "user": ID,
        "group": ID,
        "tls": _fields(**TLS_FIELDS),
        "termination": _fields(preStopSeconds=SECONDS, graceSeconds=SECONDS),
        "volumes": FREE_LIST,
        "volumeMounts": FREE_LIST,
        "networkPolicy": _fields(enabled=BOOLEAN, **{"from": FREE_LIST}, egress=EGRESS),
        "test": _fields(**TEST, image=IMAGE),
    },
    "sidehook-shared": {
        **WORKLOAD,
        **SIDECAR,
        **SHARED,
        "sidehook-common": FREE,
        "adminPort": PORT,
        # YAML reads the word off as false.
        "maxConnectionAge": {
            "anyOf": [_text(r"^([0-9]+(\.[0-9]+)?(ms|s|m|h)|off)$"), {"const": False}]
        },
        "attach": _fields(enabled=BOOLEAN, port=PORT),
        "tls": _fields(**TLS_FIELDS, requireClientCertificate=BOOLEAN),
        "termination": _fields(preStopSeconds=SECONDS, drainSeconds=_whole(1, 3600)),
        "data": _fields(sizeLimit=QUANTITY),
        "networkPolicy": _fields(
            enabled=BOOLEAN,
            **{"from": FREE_LIST},
            workersFrom=FREE_LIST,
            adminFrom=FREE_LIST,
            egress=EGRESS,
        ),
        "serviceMonitor": MONITOR,
    },
}


def schema_text(chart: str) -> str:
    """Return the schema of a chart's values."""
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": f"Values of {chart}"}
    return json.dumps({**head, **_fields(**SCHEMAS[chart])}, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schemas, or name those that are not what they should be."""
    stale = []
    for chart in SCHEMAS:
        file = CHARTS / chart / "values.schema.json"
        if "--check" not in arguments:
            file.write_text(schema_text(chart))
        elif not file.exists() or file.read_text() != schema_text(chart):
            stale.append(str(file))
    if stale:
        print(*stale, "are not fresh: python tools/chart_schemas.py", sep="\n", file=sys.stderr)
    return len(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
