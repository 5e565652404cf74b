{{/* The name of the release's objects: the release's own name when it has the chart's in it. */}}
{{- define "sidehook-common.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change: a Deployment's selector may not be changed. */}}
{{- define "sidehook-common.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "sidehook-common.labels" -}}
{{ include "sidehook-common.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: sidehook
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/*
An image's reference. Arguments: image, global. A digest pins it, and the tag beside it is for people. global.imageRegistry stands in place of every registry, for a cluster with a mirror.
*/}}
{{- define "sidehook-common.image" -}}
{{- $registry := .image.registry -}}
{{- with .global -}}{{- $registry = .imageRegistry | default $registry -}}{{- end -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{ .image.repository }}
{{- with .image.tag }}:{{ . }}{{ end -}}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* The secrets to pull images with: the chart's, else the global ones. */}}
{{- define "sidehook-common.imagePullSecrets" -}}
{{- $names := .Values.imagePullSecrets -}}
{{- if not $names }}{{- with .Values.global }}{{- $names = .imagePullSecrets }}{{- end }}{{- end -}}
{{- with $names -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}
