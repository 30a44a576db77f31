{{- define "miroir.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "miroir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "miroir.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "miroir.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "miroir.selector" -}}
app.kubernetes.io/name: {{ include "miroir.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "miroir.labels" -}}
{{ include "miroir.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "miroir.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "miroir.adminSecret" -}}
{{- default (printf "%s-admin" (include "miroir.fullname" .)) .Values.auth.existingAdminTokenSecret -}}
{{- end -}}

{{- define "miroir.controlPort" -}}
{{- regexReplaceAll "^.*:" .Values.config.control.listen "" -}}
{{- end -}}

{{/* The configuration of all programs: the values, and where this release's control is. */}}
{{- define "miroir.config" -}}
{{- $address := printf "%s-control:%s" (include "miroir.fullname" .) (include "miroir.controlPort" .) -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) (dict "control" (dict "address" $address))) -}}
{{- end -}}

{{- define "miroir.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "miroir.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "miroir.adminEnv" -}}
- name: MIROIR_ADMIN_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "miroir.adminSecret" . }}
      key: MIROIR_ADMIN_TOKEN
{{- end -}}

{{- define "miroir.pullSecrets" -}}
{{- with .Values.image.pullSecret }}
imagePullSecrets:
  - name: {{ . }}
{{- end }}
{{- end -}}
