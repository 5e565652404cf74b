{{/*
A NetworkPolicy for the chart's pods, where it is wanted: nobody gets in but who is listed, and
nothing gets out but to what is listed and to the DNS. Probes come from the node, which no policy
keeps out. Arguments: root, ports (a list of name and from).
*/}}
{{- define "sidehook-common.networkPolicy" -}}
{{- $root := .root -}}
{{- $policy := $root.Values.networkPolicy -}}
{{- if $policy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "sidehook-common.fullname" $root }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "sidehook-common.labels" $root | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "sidehook-common.selectorLabels" $root | nindent 6 }}
  policyTypes:
    - Ingress
    {{- if $policy.egress.enabled }}
    - Egress
    {{- end }}
  ingress:
    {{- range .ports }}
    {{- if .from }}
    - from:
        {{- toYaml .from | nindent 8 }}
      ports:
        - port: {{ .name }}
          protocol: TCP
    {{- end }}
    {{- end }}
  {{- if $policy.egress.enabled }}
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ $policy.egress.dnsNamespace }}
      ports:
        - port: 53
          protocol: UDP
        - port: 53
          protocol: TCP
    {{- with $policy.egress.to }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end -}}
