{{/* The pod without its sidecar. */}}
{{- define "sidehook-app.pod" -}}
automountServiceAccountToken: false
{{- with include "sidehook-common.imagePullSecrets" . }}
{{- . | nindent 0 }}
{{- end }}
{{- with include "sidehook-common.scheduling" (dict "values" .Values "selector" (include "sidehook-common.selectorLabels" .)) | trim }}
{{- . | nindent 0 }}
{{- end }}
containers:
  - name: app
    image: {{ include "sidehook-common.image" (dict "image" .Values.image "global" .Values.global) }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    {{- with .Values.command }}
    command:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.args }}
    args:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.env }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.ports }}
    ports:
      {{- range $name, $port := . }}
      - name: {{ $name }}
        containerPort: {{ int $port }}
        protocol: TCP
      {{- end }}
    {{- end }}
    {{- with .Values.probes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    securityContext:
      {{- include "sidehook-common.containerSecurityContext" (dict "user" .Values.user) | nindent 6 }}
    {{- with .Values.volumeMounts }}
    volumeMounts:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- with .Values.volumes }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
