{{/*
A pod's spec with the sidecar in it. Arguments: root, and spec, the pod's spec without it:

    spec:
      {{- include "sidehook.pod" (dict "root" . "spec" (include "my-app.pod" . | fromYaml)) | nindent 6 }}

Workers start first, since whoever starts last is stopped first: the application, then the sidecar,
which drains, then the workers that it drains into.
*/}}
{{- define "sidehook.pod" -}}
{{- $values := .root.Values.sidehook -}}
{{- $spec := deepCopy .spec -}}
{{- /* What `fromYaml` gives for a text that is no YAML. */ -}}
{{- if hasKey $spec "Error" }}{{ fail (printf "the pod's spec is no YAML: %s" $spec.Error) }}{{ end -}}
{{- $own := list -}}
{{- range $values.workers -}}
{{- $own = append $own (include "sidehook.worker" (dict "root" $.root "worker" .) | fromYaml) -}}
{{- end -}}
{{- $sidecar := include "sidehook.sidecar" .root | fromYaml -}}
{{- $apps := list -}}
{{- range $spec.containers -}}
{{- if or (not $values.appContainers) (has .name $values.appContainers) -}}
{{- $env := concat (include "sidehook.appEnv" $.root | fromYamlArray) (.env | default list) -}}
{{- $mounts := concat (include "sidehook.appVolumeMounts" $.root | fromYamlArray) (.volumeMounts | default list) -}}
{{- $apps = append $apps (merge (dict "env" $env "volumeMounts" $mounts) .) -}}
{{- else -}}
{{- $apps = append $apps . -}}
{{- end -}}
{{- end -}}
{{- if $values.native -}}
{{- $_ := set $spec "initContainers" (concat $own (list $sidecar) ($spec.initContainers | default list)) -}}
{{- $_ := set $spec "containers" $apps -}}
{{- else -}}
{{- $_ := set $spec "containers" (concat (list $sidecar) $own $apps) -}}
{{- end -}}
{{- $_ := set $spec "volumes" (concat (include "sidehook.volumes" .root | fromYamlArray) ($spec.volumes | default list)) -}}
{{- $security := include "sidehook-common.podSecurityContext" (dict "group" $values.group) | fromYaml -}}
{{- $_ := set $spec "securityContext" (merge (deepCopy ($spec.securityContext | default dict)) $security) -}}
{{- $_ := set $spec "terminationGracePeriodSeconds" (include "sidehook.gracePeriod" .root | int) -}}
{{- toYaml $spec -}}
{{- end -}}

{{/* What a container needs to call: a list of environment variables. */}}
{{- define "sidehook.appEnv" -}}
- name: SIDEHOOK_TARGET
  value: unix://{{ .Values.sidehook.socket.directory }}/sidehook.sock
- name: SIDEHOOK_LABEL_POD
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: SIDEHOOK_LABEL_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: SIDEHOOK_LABEL_NODE
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: SIDEHOOK_LABEL_APP
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['app.kubernetes.io/name']
- name: SIDEHOOK_LABELS
  value: pod=$(SIDEHOOK_LABEL_POD),namespace=$(SIDEHOOK_LABEL_NAMESPACE),node=$(SIDEHOOK_LABEL_NODE),app=$(SIDEHOOK_LABEL_APP)
{{- end -}}

{{/* Read-only: whoever calls need not be able to put another socket in the sidecar's place. */}}
{{- define "sidehook.appVolumeMounts" -}}
- name: sidehook-socket
  mountPath: {{ .Values.sidehook.socket.directory }}
  readOnly: true
{{- end -}}

{{- define "sidehook.volumes" -}}
{{- $values := .Values.sidehook -}}
{{ include "sidehook-common.volumes" (dict "values" $values "config" (include "sidehook.objectName" .) "claim" $values.data.claim) }}
- name: sidehook-socket
  emptyDir:
    medium: Memory
    sizeLimit: {{ $values.socket.sizeLimit }}
- name: sidehook-workers-socket
  emptyDir:
    medium: Memory
    sizeLimit: {{ $values.socket.sizeLimit }}
{{- if $values.tls.secretName }}
- name: sidehook-tls
  secret:
    secretName: {{ $values.tls.secretName }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/*
terminationGracePeriodSeconds: the application's end, the drain, and 8 seconds in which the sidecar
writes what waits of its decision log and closes its connections.
*/}}
{{- define "sidehook.gracePeriod" -}}
{{- with .Values.sidehook.termination -}}
{{- add .appSeconds .drainSeconds 8 -}}
{{- end -}}
{{- end -}}

{{/* Labels and annotations of the pod. */}}
{{- define "sidehook.podLabels" -}}
{{- if .Values.sidehook.required -}}
sidehook.required: "true"
{{- end -}}
{{- end -}}

{{- define "sidehook.podAnnotations" -}}
sidehook.restart-digest: {{ include "sidehook-common.restartDigest" (include "sidehook.config" .) }}
{{- end -}}
