{{/* The sidecar's container. */}}
{{- define "sidehook.sidecar" -}}
{{- $values := .Values.sidehook -}}
{{- $ports := list -}}
{{- if $values.admin.exposed }}{{ $ports = list (dict "name" "admin" "port" $values.admin.port) }}{{ end -}}
{{- $mounts := list
      (dict "name" "sidehook-socket" "mountPath" $values.socket.directory)
      (dict "name" "sidehook-workers-socket" "mountPath" $values.workersSocket.directory) -}}
{{- if $values.tls.secretName -}}
{{- $mounts = append $mounts (dict "name" "sidehook-tls" "mountPath" $values.tls.directory "readOnly" true) -}}
{{- end -}}
{{ include "sidehook-common.sidecar" (dict "root" . "values" $values "adminPort" $values.admin.port "exposed" $values.admin.exposed "ports" $ports "mounts" $mounts) }}
{{- if $values.native }}
restartPolicy: Always
{{- else }}
lifecycle:
  postStart:
    exec:
      command:
        {{- include "sidehook.waitForSocket" $values | nindent 8 }}
  preStop:
    {{- include "sidehook-common.pause" (dict "root" . "seconds" $values.termination.appSeconds) | nindent 4 }}
{{- end }}
{{- end -}}

{{/*
Ends when the sidecar listens. Kubernetes starts the next container of the pod only then, which holds
the application back where there are no native sidecars.
*/}}
{{- define "sidehook.waitForSocket" -}}
- python3
- -c
- |
  import socket, sys, time
  path, seconds = sys.argv[1], float(sys.argv[2])
  end = time.monotonic() + seconds
  while time.monotonic() < end:
      with socket.socket(socket.AF_UNIX) as probe:
          try:
              probe.connect(path)
              sys.exit()
          except OSError:
              time.sleep(0.1)
  sys.exit(f"nobody listens at {path} after {seconds:g} s")
- {{ .socket.directory }}/sidehook.sock
- {{ int .probes.startupFailureThreshold | quote }}
{{- end -}}
