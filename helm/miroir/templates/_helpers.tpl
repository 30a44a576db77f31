{{- define "miroir.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 44 | trimSuffix "-" -}}
{{- end -}}

{{- define "miroir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" -}}
{{- else if contains (include "miroir.name" .) .Release.Name -}}
{{- .Release.Name | trunc 44 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "miroir.name" .) | trunc 44 | trimSuffix "-" -}}
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

{{/* Of the StatefulSet and of the Service that gives its pods their names. */}}
{{- define "miroir.controlName" -}}
{{- include "miroir.fullname" . -}}-control
{{- end -}}

{{/* What follows the name of a pod of control in its address; it holds in every namespace. */}}
{{- define "miroir.controlDomain" -}}
{{- printf "%s.%s.svc:%s" (include "miroir.controlName" .) .Release.Namespace (include "miroir.controlPort" .) -}}
{{- end -}}

{{/* Where each replica of control is found, one per line. An address is also the replica's name among the others. */}}
{{- define "miroir.controlAddresses" -}}
{{- range $ordinal := until (int .Values.control.replicaCount) }}
- {{ printf "%s-%d.%s" (include "miroir.controlName" $) $ordinal (include "miroir.controlDomain" $) }}
{{- end }}
{{- end -}}

{{/* Folder of the certificates, the same in every pod: each mounts those of its own part. */}}
{{- define "miroir.tlsFolder" -}}/etc/miroir-tls{{- end -}}

{{/* Secret with the certificate of a part. Takes root and part. */}}
{{- define "miroir.tlsSecret" -}}
{{- $given := (index .root.Values.tls .part).existingSecret -}}
{{- if $given -}}
{{- $given -}}
{{- else if .root.Values.tls.certManager.enabled -}}
{{- printf "%s-%s-tls" (include "miroir.fullname" .root) .part -}}
{{- else -}}
{{- fail (printf "tls.%s.existingSecret: name the Secret with ca.crt, tls.crt and tls.key, or set tls.certManager.enabled" .part) -}}
{{- end -}}
{{- end -}}

{{/*
The configuration of all programs: what the chart would choose, the values over it, and over those what only the
chart can know. In pods of control a few variables are added, see control.yaml.
*/}}
{{- define "miroir.config" -}}
{{- $isLease := eq .Values.config.control.engine "kubernetes" -}}
{{- $chosen := dict
  "etcd" (dict "key" (printf "/miroir/%s/%s" .Release.Namespace (include "miroir.fullname" .)))
  "kubernetes" (dict "lease" (include "miroir.controlName" .))
  "renew_ms" (ternary 5000 2000 $isLease)
  "expiry_ms" (ternary 15000 6000 $isLease) -}}
{{- $addresses := fromYamlArray (include "miroir.controlAddresses" .) -}}
{{- $known := dict "data_dir" "/var/lib/miroir/data" "address" (first $addresses) "addresses" $addresses "replica_id" "" -}}
{{- if .Values.tls.enabled -}}
{{- $folder := include "miroir.tlsFolder" . -}}
{{- $_ := set $known "insecure" false -}}
{{- $_ := set $known "tls" (dict
  "ca_file" (printf "%s/ca.crt" $folder)
  "cert_file" (printf "%s/tls.crt" $folder)
  "key_file" (printf "%s/tls.key" $folder)) -}}
{{- end -}}
{{- $config := mergeOverwrite (dict "control" $chosen) (deepCopy .Values.config) (dict "control" $known) -}}
{{- if .Values.nodeTls.existingSecret -}}
{{- $_ := set $config.node_tls "ca_file" "/etc/miroir-node-tls/ca.crt" -}}
{{- if .Values.nodeTls.clientCertificate -}}
{{- $_ := set $config.node_tls "cert_file" "/etc/miroir-node-tls/tls.crt" -}}
{{- $_ := set $config.node_tls "key_file" "/etc/miroir-node-tls/tls.key" -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Cluster of miroirctl inside a pod of control, `kubectl exec`; its token is in the environment. */}}
{{- define "miroir.contexts" -}}
{{- $context := dict "control" (fromYamlArray (include "miroir.controlAddresses" .)) -}}
{{- if .Values.tls.enabled -}}
{{- $folder := include "miroir.tlsFolder" . -}}
{{- range $option, $file := dict "ca_file" "ca.crt" "cert_file" "tls.crt" "key_file" "tls.key" -}}
{{- $_ := set $context $option (printf "%s/%s" $folder $file) -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "current" "release" "contexts" (dict "release" $context)) -}}
{{- end -}}

{{- define "miroir.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "miroir.controlName" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the one to use, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Mounts and volumes of certificates. Take root and part. The files are for the pod's group: mode 0440. */}}
{{- define "miroir.tlsMounts" -}}
{{- if .root.Values.tls.enabled }}
- name: tls
  mountPath: {{ include "miroir.tlsFolder" .root }}
  readOnly: true
{{- end }}
{{- if .root.Values.nodeTls.existingSecret }}
- name: node-tls
  mountPath: /etc/miroir-node-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "miroir.tlsVolumes" -}}
{{- if .root.Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "miroir.tlsSecret" . }}
    defaultMode: 288
{{- end }}
{{- with .root.Values.nodeTls.existingSecret }}
- name: node-tls
  secret:
    secretName: {{ . }}
    defaultMode: 288
{{- end }}
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
