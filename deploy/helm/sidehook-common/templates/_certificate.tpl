{{/*
A certificate of cert-manager for the chart's own secret, where it is wanted. It is for both ends:
a sidecar is a server to applications and a client to workers. Arguments: root, names (DNS names).
*/}}
{{- define "sidehook-common.certificate" -}}
{{- $root := .root -}}
{{- $tls := $root.Values.tls -}}
{{- if $tls.certificate.create }}
{{- if not $tls.enabled }}{{ fail "tls.certificate.create makes a certificate that nobody uses; set tls.enabled" }}{{ end }}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ include "sidehook-common.fullname" $root }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "sidehook-common.labels" $root | nindent 4 }}
spec:
  secretName: {{ include "sidehook-common.tlsSecret" $root }}
  duration: {{ $tls.certificate.duration }}
  renewBefore: {{ $tls.certificate.renewBefore }}
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  usages:
    - digital signature
    - server auth
    - client auth
  dnsNames:
    {{- range .names }}
    - {{ . | quote }}
    {{- end }}
  {{- with $tls.certificate.uris }}
  uris:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  issuerRef:
    name: {{ required "tls.certificate.issuer.name: which issuer signs the certificate?" $tls.certificate.issuer.name }}
    kind: {{ $tls.certificate.issuer.kind }}
    group: {{ $tls.certificate.issuer.group }}
{{- end }}
{{- end -}}

{{/* The secret with tls.crt, tls.key and ca.crt. */}}
{{- define "sidehook-common.tlsSecret" -}}
{{- if .Values.tls.secretName -}}
{{ .Values.tls.secretName }}
{{- else if .Values.tls.certificate.create -}}
{{ include "sidehook-common.fullname" . }}-tls
{{- else -}}
{{ fail "tls.enabled needs tls.secretName (a secret with tls.crt, tls.key and ca.crt), or tls.certificate.create" }}
{{- end -}}
{{- end -}}

{{/* The DNS names of a headless Service, which is what whoever dials it verifies. */}}
{{- define "sidehook-common.serviceNames" -}}
{{- $name := include "sidehook-common.fullname" . -}}
{{- list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.%s" $name .Release.Namespace .Values.clusterDomain) | toJson -}}
{{- end -}}
