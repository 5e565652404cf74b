{{/* A container that the policy `restricted` accepts. Argument: user. */}}
{{- define "sidehook-common.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop:
    - ALL
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- with .user }}
runAsUser: {{ int . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/*
A pod that the policy `restricted` accepts. Argument: group, which owns the volumes. Files that are
there already keep their mode (OnRootMismatch): a journal that its group may read is refused.
*/}}
{{- define "sidehook-common.podSecurityContext" -}}
fsGroup: {{ int .group }}
fsGroupChangePolicy: OnRootMismatch
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}
