{{/*
A pod of `helm test`. Arguments: root, image, user, group, resources, script (Python), arguments, tls
(the name of a secret, or nothing), env.
*/}}
{{- define "sidehook-common.testPod" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "sidehook-common.fullname" .root }}-test
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "sidehook-common.testLabels" .root | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  automountServiceAccountToken: false
  restartPolicy: Never
  {{- with include "sidehook-common.imagePullSecrets" .root }}
  {{- . | nindent 2 }}
  {{- end }}
  securityContext:
    {{- include "sidehook-common.podSecurityContext" (dict "group" .group) | nindent 4 }}
  containers:
    - name: test
      image: {{ include "sidehook-common.image" (dict "image" .image "global" .root.Values.global) }}
      imagePullPolicy: {{ .image.pullPolicy }}
      command:
        - python3
        - -c
        - |
          {{- .script | nindent 10 }}
      args:
        {{- range .arguments }}
        - {{ . | toJson }}
        {{- end }}
      {{- with .env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "sidehook-common.containerSecurityContext" (dict "user" .user) | nindent 8 }}
      volumeMounts:
        - name: run
          mountPath: /run/sidehook
        {{- if .tls }}
        - name: tls
          mountPath: /etc/sidehook-tls
          readOnly: true
        {{- end }}
  volumes:
    - name: run
      emptyDir:
        medium: Memory
        sizeLimit: 16Mi
    {{- with .tls }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
{{- end -}}

{{- define "sidehook-common.testLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-test
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
