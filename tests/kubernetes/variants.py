"""Everything that is rendered: each example, and the charts with every two switches together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.kubernetes.commands import HELM_CHARTS, KUSTOMIZE, Commands
from tests.kubernetes.objects import Object
from tests.kubernetes.pairwise import Row, all_pairs

MINORS: Final = ("1.30", "1.34", "1.37")
"""The minor versions of Kubernetes that every variant must be valid for."""

OLD_MINOR: Final = "1.25"
"""The oldest that the charts take, without native sidecars."""

CHARTS: Final = ("sidehook-app", "sidehook-shared", "sidehook-workers")
"""The charts that make objects."""

Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to render one chart, or a folder of kustomize.

    `minors` are the versions of Kubernetes that it must be valid for; it is rendered for the
    oldest of them.
    """

    name: str
    chart: str = ""
    files: tuple[Path, ...] = ()
    values: Values = field(default_factory=dict)
    folder: Path | None = None
    minors: tuple[str, ...] = MINORS

    def render(self, commands: Commands, charts: Path) -> list[Object]:
        """Return its objects."""
        if self.folder is not None:
            return commands.kustomize(self.folder)
        return commands.template(
            charts / self.chart,
            files=self.files,
            values=self.values,
            kube_version=self.minors[0],
        )


def chart_of(example: Path) -> str:
    """Return the chart that an example's values are for; its name begins with it."""
    return max((chart for chart in CHARTS if example.name.startswith(chart)), key=len)


def examples() -> list[Variant]:
    """Return the example values of the charts and the folders of kustomize."""
    rendered = [
        Variant(
            name=file.stem,
            chart=chart_of(file),
            files=(file,),
            minors=(OLD_MINOR, *MINORS) if OLD_MINOR in file.stem else MINORS,
        )
        for file in sorted((HELM_CHARTS / "examples").glob("*.yaml"))
    ]
    folders = {"plain": (OLD_MINOR, *MINORS)}
    return [
        *rendered,
        *(
            Variant(
                name=f"kustomize-{folder.name}",
                folder=folder,
                minors=folders.get(folder.name, MINORS),
            )
            for folder in (
                *sorted((KUSTOMIZE / "examples").iterdir()),
                KUSTOMIZE / "admission-policy",
            )
        ),
    ]


_DIGEST: Final = "sha256:" + "ab" * 32
_IMAGES: Final[Mapping[str, Values]] = {
    "tag": {},
    "digest": {"image": {"repository": "example/image", "digest": _DIGEST}},
    "mirror": {"global": {"imageRegistry": "mirror.example:5000", "imagePullSecrets": ["mirror"]}},
}
_WORKLOAD: Final[Mapping[str, Mapping[str, Values]]] = {
    "image": _IMAGES,
    "scaling": {
        "fixed": {},
        "autoscaled": {
            "autoscaling": {
                "enabled": True,
                "extraMetrics": [
                    {
                        "type": "Pods",
                        "pods": {
                            "metric": {"name": "sidehook_calls_in_flight"},
                            "target": {"type": "AverageValue", "averageValue": "100"},
                        },
                    }
                ],
            }
        },
    },
    "budget": {"on": {}, "off": {"disruptionBudget": {"enabled": False}}},
    "spread": {
        "on": {"topologySpread": {"over": ["topology.kubernetes.io/zone"]}},
        "off": {"topologySpread": {"enabled": False}},
    },
    "placing": {
        "anywhere": {},
        "some nodes": {
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "hooks", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 1,
                            "podAffinityTerm": {
                                "topologyKey": "kubernetes.io/hostname",
                                "labelSelector": {"matchLabels": {"a": "b"}},
                            },
                        }
                    ]
                }
            },
            "priorityClassName": "high",
            "podLabels": {"team": "hooks"},
            "podAnnotations": {"note": "1"},
        },
    },
    "test": {"on": {}, "off": {"test": {"enabled": False}}},
}
_JOURNAL: Final[Mapping[str, Values]] = {
    "off": {},
    "plain": {"journal": {"enabled": True}},
    "masked": {"journal": {"enabled": True, "payloads": "masked", "mask": ["prompt"]}},
    "encrypted": {
        "journal": {"enabled": True, "payloads": "encrypted", "keySecret": {"name": "key"}}
    },
}
_TLS: Final[Mapping[str, Values]] = {
    "secret": {"tls": {"secretName": "certificates"}},
    "certificate": {
        "tls": {"certificate": {"create": True, "issuer": {"name": "ca"}, "uris": ["spiffe://a/b"]}}
    },
    "off": {"tls": {"enabled": False}, "insecure": True},
}
_POLICY: Final[Mapping[str, Values]] = {
    "off": {"networkPolicy": {"enabled": False}},
    "in": {"networkPolicy": {"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}},
    "in and out": {
        "networkPolicy": {
            "egress": {
                "enabled": True,
                "to": [{"to": [{"podSelector": {}}], "ports": [{"port": 7000, "protocol": "TCP"}]}],
            }
        }
    },
}
_CONFIG: Final[Mapping[str, Values]] = {
    "empty": {},
    "much": {
        "config": {
            "hook_types": [{"name": "invoice_pre_send", "writable": ["lines"], "required": True}],
            "limits": {"list_lease": "3s", "max_in_flight": 64},
            "detached": {"queue": 100},
            "decision_log": {"to": "stdout"},
            "workers": [{"name": "guards", "optional": True, "target": "dns:///guards.a.svc:7000"}],
        }
    },
}
_MORE: Final[Mapping[str, Values]] = {
    "nothing": {},
    "things": {
        "env": [{"name": "TZ", "value": "UTC"}],
        "extraVolumes": [{"name": "more", "emptyDir": {"sizeLimit": "1Mi"}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "logLevel": "debug",
        "gate": "ready",
    },
}
_ALERTS: Final[Mapping[str, Values]] = {
    "off": {},
    "on": {"rules": {"enabled": True, "labels": {"a": "b"}, "ruleLabels": {"team": "x"}}},
}


def _below(key: str, switch: Mapping[str, Values]) -> Mapping[str, Values]:
    return {setting: {key: values} if values else {} for setting, values in switch.items()}


SWITCHES: Final[Mapping[str, Mapping[str, Mapping[str, Values]]]] = {
    "sidehook-app": {
        **_WORKLOAD,
        "native": {"yes": {}, "no": {"sidehook": {"native": False}}},
        "admin": {"open": {}, "loopback": {"sidehook": {"admin": {"exposed": False}}}},
        "journal": _below("sidehook", _JOURNAL),
        "config": _below("sidehook", _CONFIG),
        "more": _below("sidehook", _MORE),
        "alerts": _below("sidehook", _ALERTS),
        "tls": {"no": {}, "yes": {"sidehook": {"tls": {"secretName": "certificates"}}}},
        "workers": {
            "none": {},
            "two": {
                "sidehook": {
                    "workers": [
                        {
                            "name": name,
                            "image": {"repository": "example/guards", "tag": "1"},
                            "args": ["python3", "-m", "sidehook.worker", "guards"],
                            "user": 10002,
                        }
                        for name in ("guards", "redaction")
                    ]
                }
            },
        },
        "policy": {
            "off": {},
            "on": {
                "sidehook": {
                    "admissionPolicy": {
                        "create": True,
                        "repositories": ["a/sidehook", "b/sidehook"],
                        "namespaceSelector": {"matchLabels": {"a": "b"}},
                    }
                }
            },
        },
        "service": {
            "off": {},
            "on": {"ports": {"http": 8080, "grpc": 9000}, "service": {"enabled": True}},
        },
        "end": {
            "usual": {},
            "long": {"sidehook": {"termination": {"appSeconds": 300, "drainSeconds": 60}}},
        },
        "folders": {
            "usual": {},
            "others": {
                "sidehook": {
                    "socket": {"directory": "/s", "sizeLimit": "2Mi"},
                    "workersSocket": {"directory": "/w"},
                    "required": False,
                }
            },
        },
        "containers": {"all": {}, "named": {"sidehook": {"appContainers": ["app"]}}},
    },
    "sidehook-shared": {
        **_WORKLOAD,
        "tls": {
            **_TLS,
            "one way": {"tls": {"secretName": "certificates", "requireClientCertificate": False}},
        },
        "journal": _JOURNAL,
        "config": _CONFIG,
        "more": _MORE,
        "alerts": _ALERTS,
        "network": _POLICY,
        "monitor": {"off": {}, "on": {"serviceMonitor": {"enabled": True}}},
        "age": {"usual": {}, "off": {"maxConnectionAge": "off"}},
        "end": {"usual": {}, "at once": {"termination": {"preStopSeconds": 0, "drainSeconds": 1}}},
    },
    "sidehook-workers": {
        **_WORKLOAD,
        "tls": _TLS,
        "hooks": {
            "modules": {"modules": ["guards", "guards.more"]},
            "files": {"files": {"guards.py": "import sidehook\n"}},
            "command": {"command": ["/guards"], "args": ["--listen", "0.0.0.0:7000"]},
        },
        "more": {
            "nothing": {},
            "things": {
                "env": [{"name": "TZ", "value": "UTC"}],
                "volumes": [{"name": "more", "emptyDir": {"sizeLimit": "1Mi"}}],
                "volumeMounts": [{"name": "more", "mountPath": "/more"}],
            },
        },
        "network": _POLICY,
        "end": {"usual": {}, "at once": {"termination": {"preStopSeconds": 0, "graceSeconds": 1}}},
    },
}
"""The switches of each chart: what each of their settings adds to the values."""

_NEEDED: Final[Mapping[str, Values]] = {
    "sidehook-app": {"image": {"repository": "example/app", "tag": "1"}},
    "sidehook-shared": {},
    "sidehook-workers": {"worker": "guards"},
}


# What clusters of the oldest version do not have.
_NEWER: Final = (("native", "yes"), ("policy", "on"))


def combined(chart: str) -> list[Variant]:
    """Return variants of a chart in which every two settings of its switches meet.

    Those that need nothing newer are made for the oldest version of Kubernetes too.
    """
    switches = SWITCHES[chart]
    variants = []
    for number, row in enumerate(all_pairs({key: list(it) for key, it in switches.items()})):
        name = ", ".join(f"{switch} {setting}" for switch, setting in row.items())
        variant = Variant(name=f"{chart} {number}: {name}", chart=chart, values=_values(chart, row))
        variants.append(variant)
        if not any(row.get(switch) == setting for switch, setting in _NEWER):
            old = replace(variant, name=f"{variant.name} (old)", minors=(OLD_MINOR, *MINORS))
            variants.append(old)
    return variants


def _values(chart: str, row: Row) -> Values:
    return merged(_NEEDED[chart], *(SWITCHES[chart][key][setting] for key, setting in row.items()))


def merged(*layers: Values) -> dict[str, Any]:
    """Return the layers one over the other, mappings inside mappings merged as helm does."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if isinstance(value, Mapping) and isinstance(old, Mapping):
                result[key] = merged(old, value)
            else:
                result[key] = value
    return result


def everything() -> Iterator[Variant]:
    """Yield every variant: the examples, then what the switches make."""
    yield from examples()
    for chart in CHARTS:
        yield from combined(chart)
