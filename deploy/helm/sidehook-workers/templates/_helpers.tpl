{{/* How a worker is probed: kubelet speaks no TLS to gRPC, and a command of the user's need not have
the health service. */}}
{{- define "sidehook-workers.asks" -}}
{{- if or .Values.tls.enabled .Values.command .Values.args -}}
tcpSocket:
  port: grpc
{{- else -}}
grpc:
  port: {{ int .Values.port }}
{{- end -}}
{{- end -}}
