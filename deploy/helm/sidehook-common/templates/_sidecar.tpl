{{/*
The container of a sidecar. Arguments: root, values (image, logLevel, env, user, resources, probes,
gate, journal, extraVolumeMounts), adminPort, exposed (whether that is open to the node), ports (a
list of name and port), mounts (a list).
*/}}
{{- define "sidehook-common.sidecar" -}}
name: sidehook
image: {{ include "sidehook-common.image" (dict "image" .values.image "global" .root.Values.global) }}
imagePullPolicy: {{ .values.image.pullPolicy }}
command:
  - sidehook
args:
  - serve
  - --config
  - /etc/sidehook/sidehook.yaml
  - --log-level
  - {{ .values.logLevel }}
{{- with .values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .ports }}
ports:
  {{- range . }}
  - name: {{ .name }}
    containerPort: {{ int .port }}
    protocol: TCP
  {{- end }}
{{- end }}
startupProbe:
  {{- include "sidehook-common.probe" (merge (dict "asks" .values.gate) .) | nindent 2 }}
  periodSeconds: 1
  timeoutSeconds: {{ int .values.probes.timeoutSeconds }}
  failureThreshold: {{ int .values.probes.startupFailureThreshold }}
livenessProbe:
  {{- include "sidehook-common.probe" (merge (dict "asks" "live") .) | nindent 2 }}
  periodSeconds: {{ int .values.probes.periodSeconds }}
  timeoutSeconds: {{ int .values.probes.timeoutSeconds }}
  failureThreshold: {{ int .values.probes.livenessFailureThreshold }}
readinessProbe:
  {{- include "sidehook-common.probe" (merge (dict "asks" "ready") .) | nindent 2 }}
  periodSeconds: {{ int .values.probes.periodSeconds }}
  timeoutSeconds: {{ int .values.probes.timeoutSeconds }}
  failureThreshold: {{ int .values.probes.readinessFailureThreshold }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
securityContext:
  {{- include "sidehook-common.containerSecurityContext" (dict "user" .values.user) | nindent 2 }}
volumeMounts:
  - name: sidehook-config
    mountPath: /etc/sidehook
    readOnly: true
  - name: sidehook-data
    mountPath: /var/lib/sidehook
  {{- if include "sidehook-common.hasJournalKey" .values }}
  - name: sidehook-journal-key
    mountPath: /etc/sidehook-journal
    readOnly: true
  {{- end }}
  {{- toYaml .mounts | nindent 2 }}
  {{- with .values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What a probe asks: HTTP where the admin port is open to the node, else a command. */}}
{{- define "sidehook-common.probe" -}}
{{- if .exposed -}}
httpGet:
  path: /healthz/{{ .asks }}
  port: admin
{{- else -}}
exec:
  command:
    - sidehook
    - health
    - --admin
    - http://127.0.0.1:{{ int .adminPort }}
    - --{{ .asks }}
{{- end -}}
{{- end -}}

{{- define "sidehook-common.hasJournalKey" -}}
{{- if and .journal.enabled (eq .journal.payloads "encrypted") }}yes{{ end -}}
{{- end -}}

{{/* The volumes that every sidecar has. Arguments: values, config (the ConfigMap's name), claim. */}}
{{- define "sidehook-common.volumes" -}}
- name: sidehook-config
  configMap:
    name: {{ .config }}
- name: sidehook-data
  {{- if .claim }}
  persistentVolumeClaim:
    claimName: {{ .claim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .values.data.sizeLimit }}
  {{- end }}
{{- if include "sidehook-common.hasJournalKey" .values }}
- name: sidehook-journal-key
  secret:
    secretName: {{ .values.journal.keySecret.name }}
    defaultMode: 0440
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
