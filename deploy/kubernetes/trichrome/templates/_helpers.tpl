{{/* The chart's name. */}}
{{- define "trichrome.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The prefix of the objects' names; the longest suffix has 18 characters, a name has 63. */}}
{{- define "trichrome.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- $name := include "trichrome.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 44 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Labels by which a component's pods are selected. Takes (list context component). */}}
{{- define "trichrome.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "trichrome.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of a component's objects. Takes (list context component). */}}
{{- define "trichrome.labels" -}}
{{- $root := index . 0 -}}
{{ include "trichrome.selector" . }}
app.kubernetes.io/part-of: trichrome
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A reference to an image. Takes (list context image). */}}
{{- define "trichrome.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $name := printf "%s/%s" (trimSuffix "/" $root.Values.image.registry) $image.repository -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $name $image.digest }}
{{- else -}}
{{ printf "%s:%s" $name (default $root.Chart.AppVersion $image.tag) }}
{{- end -}}
{{- end }}

{{- define "trichrome.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A pod's security context, for the profile `restricted`. Takes the user's id. */}}
{{- define "trichrome.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "trichrome.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where a component's pods run. Takes (list context component). */}}
{{- define "trichrome.placement" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
{{- $selector := include "trichrome.selector" . -}}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
topologySpreadConstraints:
{{- if $values.topologySpreadConstraints }}
  {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
{{- else }}
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    # Those of another version leave: without this, a rollout's last pods count with them.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "trichrome.serviceAccount" -}}
{{- default (printf "%s-gateway" (include "trichrome.fullname" .)) .Values.serviceAccount.name }}
{{- end }}

{{/* The web app's entrance: to itself, or to the gateway's facade. Name and port of a Service. */}}
{{- define "trichrome.frontName" -}}
{{ include "trichrome.fullname" . }}-{{ ternary "web" "gateway" .Values.web.enabled }}
{{- end }}
{{- define "trichrome.frontPort" -}}
{{ ternary 8080 3005 .Values.web.enabled }}
{{- end }}

{{/* A rule of a NetworkPolicy's egress: names. */}}
{{- define "trichrome.dns" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}
