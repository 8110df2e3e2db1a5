{{/* Whether clients log in to Kafka by name and password: "true" or nothing. */}}
{{- define "trichrome.kafka.hasLogin" -}}
{{- if and (hasPrefix "SASL_" .Values.kafka.securityProtocol) (ne .Values.kafka.saslMechanism "AWS_MSK_IAM") -}}
true
{{- end -}}
{{- end }}

{{/* Whether they use TLS. */}}
{{- define "trichrome.kafka.hasTls" -}}
{{- if hasSuffix "SSL" .Values.kafka.securityProtocol -}}
true
{{- end -}}
{{- end }}

{{/* The Secret with the login, of yours or of the chart. Takes (list context owner): the topics' job, which
runs before the chart's own objects exist, has a copy. */}}
{{- define "trichrome.kafka.secret" -}}
{{- $root := index . 0 -}}
{{- $login := $root.Values.kafka.login -}}
{{- if eq $login.source "existing" -}}
{{ $login.existing.name }}
{{- else -}}
{{ include "trichrome.fullname" $root }}-{{ index . 1 }}-kafka
{{- end -}}
{{- end }}

{{/* Variables of the connection. */}}
{{- define "trichrome.kafka.env" -}}
{{- $kafka := .Values.kafka -}}
- name: KAFKA_BROKERS
  value: {{ $kafka.brokers | quote }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if hasPrefix "SASL_" $kafka.securityProtocol }}
- name: KAFKA_SASL_MECHANISM
  value: {{ $kafka.saslMechanism }}
{{- if eq $kafka.saslMechanism "OAUTHBEARER" }}
- name: KAFKA_OAUTH_TOKEN_URL
  value: {{ $kafka.oauth.tokenUrl | quote }}
{{- with $kafka.oauth.scope }}
- name: KAFKA_OAUTH_SCOPE
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if include "trichrome.kafka.hasLogin" . }}
{{- $files := eq $kafka.login.source "files" }}
- name: KAFKA_USERNAME_FILE
  value: {{ ternary $kafka.login.files.username "/etc/trichrome/kafka-login/username" $files | quote }}
- name: KAFKA_PASSWORD_FILE
  value: {{ ternary $kafka.login.files.password "/etc/trichrome/kafka-login/password" $files | quote }}
{{- end }}
{{- if include "trichrome.kafka.hasTls" . }}
{{- if $kafka.tls.caSecret }}
- name: KAFKA_CA_FILE
  value: /etc/trichrome/kafka-ca/ca.crt
{{- end }}
{{- if $kafka.tls.clientSecret }}
- name: KAFKA_CERTIFICATE_FILE
  value: /etc/trichrome/kafka-client/tls.crt
- name: KAFKA_KEY_FILE
  value: /etc/trichrome/kafka-client/tls.key
{{- end }}
{{- end }}
{{- end }}

{{/* Whether the login is a mounted Secret. */}}
{{- define "trichrome.kafka.mountsLogin" -}}
{{- if and (include "trichrome.kafka.hasLogin" .) (ne .Values.kafka.login.source "files") -}}
true
{{- end -}}
{{- end }}

{{- define "trichrome.kafka.mounts" -}}
{{- $tls := .Values.kafka.tls -}}
{{- if include "trichrome.kafka.mountsLogin" . }}
- name: kafka-login
  mountPath: /etc/trichrome/kafka-login
  readOnly: true
{{- end }}
{{- if include "trichrome.kafka.hasTls" . }}
{{- if $tls.caSecret }}
- name: kafka-ca
  mountPath: /etc/trichrome/kafka-ca
  readOnly: true
{{- end }}
{{- if $tls.clientSecret }}
- name: kafka-client
  mountPath: /etc/trichrome/kafka-client
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{/* Takes (list context owner). Whole folders, since a file of one mounted by its own path never changes. */}}
{{- define "trichrome.kafka.volumes" -}}
{{- $root := index . 0 -}}
{{- $login := $root.Values.kafka.login -}}
{{- $tls := $root.Values.kafka.tls -}}
{{- $existing := eq $login.source "existing" -}}
{{- if include "trichrome.kafka.mountsLogin" $root }}
- name: kafka-login
  secret:
    secretName: {{ include "trichrome.kafka.secret" . | quote }}
    defaultMode: 0440
    items:
      - key: {{ ternary $login.existing.usernameKey "username" $existing | quote }}
        path: username
      - key: {{ ternary $login.existing.passwordKey "password" $existing | quote }}
        path: password
{{- end }}
{{- if include "trichrome.kafka.hasTls" $root }}
{{- with $tls.caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - key: {{ $tls.caKey | quote }}
        path: ca.crt
{{- end }}
{{- with $tls.clientSecret }}
- name: kafka-client
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end }}

{{/* The ports of the brokers, as JSON. */}}
{{- define "trichrome.kafka.ports" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.brokers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (trim .) | int) -}}
{{- end -}}
{{ $ports | uniq | toJson }}
{{- end }}

{{/* The spec of an ExternalSecret. Takes (list context name). */}}
{{- define "trichrome.kafka.externalSecret" -}}
{{- $external := (index . 0).Values.kafka.login.external -}}
refreshInterval: {{ $external.refreshInterval }}
secretStoreRef:
  kind: {{ $external.storeKind }}
  name: {{ $external.storeName | quote }}
target:
  name: {{ index . 1 }}
data:
  - secretKey: username
    remoteRef:
      key: {{ $external.key | quote }}
      property: {{ $external.usernameProperty | quote }}
  - secretKey: password
    remoteRef:
      key: {{ $external.key | quote }}
      property: {{ $external.passwordProperty | quote }}
{{- end }}
