{{/* A pod that says that it needs the sidecar is refused without it, where this is wanted. */}}
{{- define "sidehook.admissionPolicy" -}}
{{- with .Values.sidehook.admissionPolicy }}
{{- if .create }}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ .name }}
  labels:
    {{- include "sidehook-common.labels" $ | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [""]
        apiVersions: ["v1"]
        operations: ["CREATE", "UPDATE"]
        resources: ["pods"]
    objectSelector:
      matchExpressions:
        - key: sidehook.required
          operator: Exists
  variables:
    - name: native
      expression: >-
        has(object.spec.initContainers)
        ? object.spec.initContainers.filter(c, c.name == 'sidehook' && has(c.restartPolicy) && c.restartPolicy == 'Always')
        : []
    - name: plain
      expression: object.spec.containers.filter(c, c.name == 'sidehook')
    - name: callers
      expression: >-
        object.spec.containers.filter(c, c.name != 'sidehook' && has(c.volumeMounts) &&
        c.volumeMounts.exists(m, m.name == 'sidehook-socket'))
  validations:
    - expression: variables.native.size() + variables.plain.size() > 0
      message: >-
        the pod is labelled sidehook.required and has no sidecar: a container, or an init container with
        restartPolicy: Always, of the name sidehook; take it from the chart sidehook or the kustomize component
      reason: Invalid
    - expression: variables.callers.size() > 0
      message: >-
        the pod is labelled sidehook.required and none of its containers mounts the volume sidehook-socket,
        so that nobody can call the sidecar
      reason: Invalid
    {{- with .repositories }}
    - expression: >-
        (variables.native + variables.plain).all(c, {{ toJson . | replace "\"" "'" }}
        .exists(r, c.image == r || c.image.startsWith(r + ':') || c.image.startsWith(r + '@')))
      message: >-
        the container sidehook has an image of another repository than {{ join " and " . }}
      reason: Invalid
    {{- end }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "sidehook-common.labels" $ | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions:
    {{- toYaml .actions | nindent 4 }}
  {{- with .namespaceSelector }}
  matchResources:
    namespaceSelector:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}
