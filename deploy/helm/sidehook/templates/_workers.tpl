{{/* A worker in the pod. Arguments: root, worker. */}}
{{- define "sidehook.worker" -}}
{{- $values := .root.Values.sidehook -}}
{{- $image := merge (deepCopy .worker.image) (dict "registry" "" "tag" "" "digest" "" "pullPolicy" "IfNotPresent") -}}
name: {{ .worker.name }}
image: {{ include "sidehook-common.image" (dict "image" $image "global" .root.Values.global) }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- if $values.native }}
restartPolicy: Always
{{- end }}
{{- with .worker.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .worker.args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
env:
  - name: SIDEHOOK_WORKERS_TARGET
    value: unix://{{ $values.workersSocket.directory }}/workers.sock
  {{- with .worker.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if not $values.native }}
lifecycle:
  preStop:
    {{- include "sidehook-common.pause" (dict "root" .root "seconds" (add $values.termination.appSeconds $values.termination.drainSeconds)) | nindent 4 }}
{{- end }}
resources:
  {{- toYaml (.worker.resources | default $values.resources) | nindent 2 }}
securityContext:
  {{- include "sidehook-common.containerSecurityContext" (dict "user" .worker.user) | nindent 2 }}
volumeMounts:
  - name: sidehook-workers-socket
    mountPath: {{ $values.workersSocket.directory }}
    readOnly: true
  {{- with .worker.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
