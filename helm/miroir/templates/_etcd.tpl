{{/* What pods of control need to talk to an etcd that asks who they are. Sidecars get none of it. */}}
{{- define "miroir.etcdEnv" -}}
{{- with .Values.control.etcd.existingSecret }}
- name: MIROIR_CONTROL_ETCD_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: username
- name: MIROIR_CONTROL_ETCD_PASSWORD_FILE
  value: /etc/miroir-etcd/password
{{- end }}
{{- with .Values.control.etcd.tls }}
{{- if .existingSecret }}
- name: MIROIR_CONTROL_ETCD_CA_FILE
  value: /etc/miroir-etcd-tls/ca.crt
{{- if .clientCertificate }}
- name: MIROIR_CONTROL_ETCD_CERT_FILE
  value: /etc/miroir-etcd-tls/tls.crt
- name: MIROIR_CONTROL_ETCD_KEY_FILE
  value: /etc/miroir-etcd-tls/tls.key
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "miroir.etcdMounts" -}}
{{- if .Values.control.etcd.existingSecret }}
- name: etcd
  mountPath: /etc/miroir-etcd
  readOnly: true
{{- end }}
{{- if .Values.control.etcd.tls.existingSecret }}
- name: etcd-tls
  mountPath: /etc/miroir-etcd-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "miroir.etcdVolumes" -}}
{{- with .Values.control.etcd.existingSecret }}
- name: etcd
  secret:
    secretName: {{ . }}
    defaultMode: 288
{{- end }}
{{- with .Values.control.etcd.tls.existingSecret }}
- name: etcd-tls
  secret:
    secretName: {{ . }}
    defaultMode: 288
{{- end }}
{{- end -}}
