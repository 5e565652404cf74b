{{/*
What Prometheus' operator scrapes, where it is wanted. Arguments: root, kind (PodMonitor or
ServiceMonitor), values (enabled, interval, labels), name, selector (labels, one per line).
*/}}
{{- define "sidehook-common.monitor" -}}
{{- $root := .root -}}
{{- if .values.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "sidehook-common.labels" $root | nindent 4 }}
    {{- with .values.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- .selector | nindent 6 }}
  {{ if eq .kind "PodMonitor" }}podMetricsEndpoints{{ else }}endpoints{{ end }}:
    - port: admin
      path: /metrics
      interval: {{ .values.interval }}
{{- end }}
{{- end -}}

{{/*
Alerts, where they are wanted. Arguments: root, values (enabled, labels, ruleLabels), name, and
pods: a regular expression for the names of the pods that they are about.
*/}}
{{- define "sidehook-common.rules" -}}
{{- $root := .root -}}
{{- if .values.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "sidehook-common.labels" $root | nindent 4 }}
    {{- with .values.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  groups:
    - name: {{ .name }}
      rules:
        {{- $own := printf "namespace=%q, pod=~%q" $root.Release.Namespace .pods }}
        {{- range include "sidehook-common.alerts" $own | fromYamlArray }}
        - alert: {{ .alert }}
          expr: {{ .expr | quote }}
          {{- with .for }}
          for: {{ . }}
          {{- end }}
          labels:
            severity: {{ .severity }}
            {{- with $.values.ruleLabels }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          annotations:
            summary: {{ .summary | quote }}
            description: {{ .description | quote }}
        {{- end }}
{{- end }}
{{- end -}}

{{/*
The table of the alerts. Its argument selects the series. A counter's first event makes its series,
and `increase` does not see it: `unless … offset` does.
*/}}
{{- define "sidehook-common.alerts" -}}
- alert: SidehookGuardMissed
  severity: critical
  expr: 'sum by (namespace, pod, hook_type, cause) (increase(sidehook_guard_missed_total{ {{- . -}} }[10m])) > 0 or sum by (namespace, pod, hook_type, cause) (sidehook_guard_missed_total{ {{- . -}} } unless sidehook_guard_missed_total{ {{- . -}} } offset 10m) > 0'
  summary: A guard did not run when it should have.
  description: '{{ `{{ $labels.pod }}: calls of {{ $labels.hook_type }} went on without a guard ({{ $labels.cause }}). The log says guard_missed, the receipts say which.` }}'
- alert: SidehookHooksUnreachable
  severity: critical
  for: 2m
  expr: 'max by (namespace, pod) (sidehook_hooks_unreachable{ {{- . -}} }) > 0'
  summary: Hooks that nobody serves.
  description: '{{ `{{ $labels.pod }}: {{ $value }} hooks of the plan have no worker, and calls fail or go on as their on_error says. sidehook status names them.` }}'
- alert: SidehookNotReady
  severity: critical
  for: 5m
  expr: 'max by (namespace, pod) (sidehook_ready{ {{- . -}} }) == 0'
  summary: A sidecar takes no calls.
  description: '{{ `{{ $labels.pod }} is not ready; /healthz/ready on its admin port says what it waits for.` }}'
- alert: SidehookCallsFailing
  severity: critical
  for: 5m
  expr: 'sum by (namespace, pod) (rate(sidehook_call_failures_total{ {{- . -}} }[5m])) / sum by (namespace, pod) (rate(sidehook_calls_total{ {{- . -}} }[5m])) > 0.01'
  summary: More than one call in a hundred is decided by nobody.
  description: '{{ `{{ $labels.pod }}: {{ $value | humanizePercentage }} of the calls fail. sidehook_call_failures_total says why.` }}'
- alert: SidehookConfigurationRefused
  severity: warning
  for: 2m
  expr: 'max by (namespace, pod) (sidehook_config_reload_failed{ {{- . -}} }) == 1'
  summary: A sidecar goes on with an old configuration.
  description: '{{ `{{ $labels.pod }} refused the newest configuration; its log says configuration_problem, with file and line.` }}'
- alert: SidehookDetachedEventsLost
  severity: warning
  expr: 'sum by (namespace, pod, worker, hook, cause) (increase(sidehook_detached_lost_total{ {{- . -}} }[10m])) > 0 or sum by (namespace, pod, worker, hook, cause) (sidehook_detached_lost_total{ {{- . -}} } unless sidehook_detached_lost_total{ {{- . -}} } offset 10m) > 0'
  summary: Events of fire_and_forget hooks were lost.
  description: '{{ `{{ $labels.pod }}: events for {{ $labels.worker }}/{{ $labels.hook }} were lost ({{ $labels.cause }}).` }}'
- alert: SidehookJournalFailing
  severity: critical
  for: 1m
  expr: 'max by (namespace, pod) (sidehook_detached_journal_failing{ {{- . -}} }) == 1'
  summary: The journal cannot be written.
  description: '{{ `{{ $labels.pod }}: fire_and_forget events are shed until it can; look at the room on its volume.` }}'
- alert: SidehookCircuitsOpen
  severity: warning
  for: 5m
  expr: 'max by (namespace, pod) (sidehook_circuits_open{ {{- . -}} }) > 0'
  summary: Hooks keep failing.
  description: '{{ `{{ $labels.pod }}: {{ $value }} hooks are kept from instances of their worker.` }}'
- alert: SidehookShedding
  severity: warning
  for: 5m
  expr: 'max by (namespace, pod) (sidehook_load_level{ {{- . -}} }) > 0'
  summary: A sidecar is near its limit.
  description: '{{ `{{ $labels.pod }} sheds observers (level {{ $value }}); it needs more room, or fewer calls.` }}'
- alert: SidehookStateNotKept
  severity: warning
  expr: 'sum by (namespace, pod) (increase(sidehook_state_not_kept_total{ {{- . -}} }[10m])) > 0'
  summary: Registrations will be forgotten by a restart.
  description: '{{ `{{ $labels.pod }} cannot write its state folder.` }}'
{{- end -}}
