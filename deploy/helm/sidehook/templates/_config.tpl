{{- define "sidehook.config" -}}
{{- $values := .Values.sidehook -}}
{{- $listen := dict
      "socket" (printf "%s/sidehook.sock" $values.socket.directory)
      "socket_mode" $values.socket.mode
      "workers_socket" (printf "%s/workers.sock" $values.workersSocket.directory)
      "workers_socket_mode" $values.workersSocket.mode
      "admin" (printf "%s:%d" (ternary "0.0.0.0" "127.0.0.1" $values.admin.exposed) (int $values.admin.port)) -}}
{{- if $values.admin.exposed }}{{ $_ := set $listen "insecure_tcp" true }}{{ end -}}
{{- include "sidehook-common.config" (dict "config" $values.config "listen" $listen "drainSeconds" $values.termination.drainSeconds "journal" $values.journal) -}}
{{- end -}}

{{- define "sidehook.objectName" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}-sidehook
{{- end -}}

{{/* Every object beside the pod: include it once, in a file of its own. */}}
{{- define "sidehook.objects" -}}
{{- $values := .Values.sidehook -}}
{{- $name := include "sidehook.objectName" . -}}
{{- if and $values.podMonitor.enabled (not $values.admin.exposed) }}
{{- fail "sidehook.podMonitor needs sidehook.admin.exposed: on the loopback address nobody can scrape" }}
{{- end -}}
{{ include "sidehook-common.configMap" (dict "root" . "name" $name "text" (include "sidehook.config" .)) }}
---
{{ include "sidehook-common.monitor" (dict "root" . "kind" "PodMonitor" "values" $values.podMonitor "name" $name "selector" (include "sidehook-common.selectorLabels" .)) }}
---
{{ include "sidehook-common.rules" (dict "root" . "values" $values.rules "name" $name "pods" (printf "%s-.*" (include "sidehook-common.fullname" .))) }}
---
{{ include "sidehook.admissionPolicy" . }}
{{- end -}}
