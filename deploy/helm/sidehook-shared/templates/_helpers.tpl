{{- define "sidehook-shared.config" -}}
{{- $listen := dict
      "socket" "/run/sidehook/sidehook.sock"
      "admin" (printf "0.0.0.0:%d" (int .Values.adminPort))
      "tcp" (printf "0.0.0.0:%d" (int .Values.port))
      "insecure_tcp" true
      "max_connection_age" .Values.maxConnectionAge -}}
{{- if .Values.attach.enabled -}}
{{- $_ := set $listen "tcp_workers" (printf "0.0.0.0:%d" (int .Values.attach.port)) -}}
{{- end -}}
{{- if .Values.tls.enabled -}}
{{- $tls := dict "certificate" "/etc/sidehook-tls/tls.crt" "key" "/etc/sidehook-tls/tls.key" -}}
{{- if .Values.tls.requireClientCertificate }}{{ $_ := set $tls "client_ca" "/etc/sidehook-tls/ca.crt" }}{{ end -}}
{{- $_ := set $listen "tls" $tls -}}
{{- end -}}
{{- include "sidehook-common.config" (dict "config" .Values.config "listen" $listen "drainSeconds" .Values.termination.drainSeconds "journal" .Values.journal) -}}
{{- end -}}

{{- define "sidehook-shared.check" -}}
{{- if and (not .Values.tls.enabled) (not .Values.insecure) }}
{{- fail "without TLS whoever reaches the sidecar may call it; set tls.enabled, or insecure: true when the network itself is trusted" }}
{{- end }}
{{- if and .Values.attach.enabled (or .Values.autoscaling.enabled (gt (int .Values.replicas) 1)) }}
{{- fail "a worker attaches to one replica, and the others would not know it; let the sidecar dial the workers, or set replicas: 1 and no autoscaling" }}
{{- end }}
{{- end -}}
