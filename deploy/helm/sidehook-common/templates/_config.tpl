{{/*
A sidecar's configuration: what a chart decides, on top of what its user wrote. Arguments: config,
listen (the whole section), drainSeconds, journal (enabled, payloads, keySecret, mask).
*/}}
{{- define "sidehook-common.config" -}}
{{- $config := deepCopy .config -}}
{{- $_ := set $config "listen" .listen -}}
{{- $_ := set $config "state_dir" "/var/lib/sidehook/state" -}}
{{- $_ := set $config "limits" (merge (dict "drain_timeout" (printf "%ds" (int .drainSeconds))) ($config.limits | default dict)) -}}
{{- with .journal -}}
{{- if .enabled -}}
{{- $journal := dict "journal" "/var/lib/sidehook/journal.sqlite" "journal_payloads" .payloads -}}
{{- if eq .payloads "encrypted" -}}
{{- $_ := required "journal.keySecret.name: encrypted payloads need a key" .keySecret.name -}}
{{- $_ := set $journal "journal_key_file" (printf "/etc/sidehook-journal/%s" .keySecret.key) -}}
{{- else if eq .payloads "masked" -}}
{{- if not .mask -}}{{ fail "journal.mask: masked payloads need the fields to leave out" }}{{- end -}}
{{- $_ := set $journal "journal_mask" .mask -}}
{{- end -}}
{{- $_ := set $config "detached" (merge $journal ($config.detached | default dict)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
The digest of the keys that a running sidecar does not follow (docs/reloading.md): as an annotation
of the pod it rolls the pods when one of them changes, and only then. Its argument is the text.
*/}}
{{- define "sidehook-common.restartDigest" -}}
{{- $config := . | fromYaml -}}
{{- $log := omit ($config.decision_log | default dict) "texts" "show" -}}
{{- $limits := pick ($config.limits | default dict) "list_lease" -}}
{{- pick $config "listen" "state_dir" "dev" "detached" | merge (dict "decision_log" $log "limits" $limits) | toJson | sha256sum -}}
{{- end -}}

{{/* The ConfigMap with it. Arguments: root, name, text. */}}
{{- define "sidehook-common.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "sidehook-common.labels" .root | nindent 4 }}
data:
  sidehook.yaml: |
    {{- .text | nindent 4 }}
{{- end -}}
