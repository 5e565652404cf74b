{{/*
A lifecycle handler that waits: Kubernetes' own, which it has from 1.30 on, else Python's. Arguments:
root, seconds.
*/}}
{{- define "sidehook-common.pause" -}}
{{- if semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version -}}
sleep:
  seconds: {{ int .seconds }}
{{- else -}}
exec:
  command:
    - python3
    - -c
    - import sys, time; time.sleep(float(sys.argv[1]))
    - {{ int .seconds | quote }}
{{- end -}}
{{- end -}}
