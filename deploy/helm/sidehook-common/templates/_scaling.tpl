{{/* PodDisruptionBudget and HorizontalPodAutoscaler of the chart's Deployment, where they are wanted. */}}
{{- define "sidehook-common.disruptionBudget" -}}
{{- if .Values.disruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "sidehook-common.fullname" . }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "sidehook-common.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.disruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "sidehook-common.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "sidehook-common.autoscaler" -}}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas (%d) is over autoscaling.maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "sidehook-common.fullname" $ }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "sidehook-common.labels" $ | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "sidehook-common.fullname" $ }}
  minReplicas: {{ int .minReplicas }}
  maxReplicas: {{ int .maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int .targetCpuPercent }}
    {{- with .extraMetrics }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: {{ int .scaleDownWindowSeconds }}
{{- end }}
{{- end }}
{{- end -}}
