{{/* Where pods run, from values of the same names. Argument: values, selector (a label per line). */}}
{{- define "sidehook-common.scheduling" -}}
{{- with .values.topologySpread }}
{{- if .enabled }}
topologySpreadConstraints:
{{- range .over }}
  - maxSkew: {{ int $.values.topologySpread.maxSkew }}
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- $.selector | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* How a Deployment replaces its pods: a new one first, and the old one only when that is ready. */}}
{{- define "sidehook-common.rollout" -}}
strategy:
  type: RollingUpdate
  rollingUpdate:
    maxSurge: 1
    maxUnavailable: 0
{{- end -}}
