{{/* Fails with all problems of the values that the schema can't see. */}}
{{- define "trichrome.validate" -}}
{{- $values := .Values -}}
{{- $problems := list -}}
{{- if not $values.image.registry -}}
{{- $problems = append $problems "image.registry: set the registry and path of your images" -}}
{{- end -}}
{{- if not $values.aws.region -}}
{{- $problems = append $problems "aws.region: set the region of the AWS stack" -}}
{{- end -}}
{{- if and $values.aws.roleArn (not $values.serviceAccount.create) -}}
{{- $problems = append $problems "aws.roleArn: annotate your own ServiceAccount, or let the chart create it (serviceAccount.create)" -}}
{{- end -}}
{{- if not $values.gateway.restUrl -}}
{{- $problems = append $problems "gateway.restUrl: set the stack's output RestUrl" -}}
{{- end -}}
{{- if and $values.web.enabled (not $values.web.picturesOrigin) -}}
{{- $problems = append $problems "web.picturesOrigin: set the origin of the pictures' links, such as https://<bucket>.s3.<region>.amazonaws.com, or web.enabled=false" -}}
{{- end -}}
{{- $kafka := $values.kafka -}}
{{- if not $kafka.brokers -}}
{{- $problems = append $problems "kafka.brokers: set the bootstrap brokers" -}}
{{- end -}}
{{- if include "trichrome.kafka.hasLogin" . -}}
{{- $login := $kafka.login -}}
{{- $needed := dict
      "existing" (dict "name" $login.existing.name)
      "plain" (dict "username" $login.plain.username "password" $login.plain.password)
      "external" (dict "storeName" $login.external.storeName "key" $login.external.key)
      "files" (dict "username" $login.files.username "password" $login.files.password) -}}
{{- range $name, $value := get $needed $login.source -}}
{{- if not $value -}}
{{- $problems = append $problems (printf "kafka.login.%s.%s: set it, or choose another kafka.login.source" $login.source $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if hasPrefix "SASL_" $kafka.securityProtocol -}}
{{- if and (eq $kafka.saslMechanism "OAUTHBEARER") (not $kafka.oauth.tokenUrl) -}}
{{- $problems = append $problems "kafka.oauth.tokenUrl: OAUTHBEARER needs it" -}}
{{- end -}}
{{- if and (eq $kafka.saslMechanism "AWS_MSK_IAM") (ne $kafka.securityProtocol "SASL_SSL") -}}
{{- $problems = append $problems "kafka.securityProtocol: AWS_MSK_IAM needs SASL_SSL" -}}
{{- end -}}
{{- if and $kafka.topics.create (has $kafka.saslMechanism (list "OAUTHBEARER" "AWS_MSK_IAM")) -}}
{{- $problems = append $problems (printf "kafka.topics.create: the job can't log in by %s. Set it to false, and create the topics by `prepare topic-commands` (docs/kafka.md)" $kafka.saslMechanism) -}}
{{- end -}}
{{- end -}}
{{- if not (include "trichrome.kafka.hasTls" .) -}}
{{- if or $kafka.tls.caSecret $kafka.tls.clientSecret -}}
{{- $problems = append $problems (printf "kafka.tls: %s has no TLS" $kafka.securityProtocol) -}}
{{- end -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.host) -}}
{{- $problems = append $problems "ingress.host: set the name of the web app" -}}
{{- end -}}
{{- if $values.gatewayApi.enabled -}}
{{- if not $values.gatewayApi.parentRefs -}}
{{- $problems = append $problems "gatewayApi.parentRefs: name the Gateways" -}}
{{- end -}}
{{- end -}}
{{- if and (eq $values.autoscaling.engine "keda") (not $values.autoscaling.keda.serverAddress) -}}
{{- $problems = append $problems "autoscaling.keda.serverAddress: set Prometheus's address" -}}
{{- end -}}
{{- if and (ne $values.autoscaling.engine "none") (lt (int $kafka.topics.partitions) (int $values.autoscaling.minReplicas)) -}}
{{- $problems = append $problems "autoscaling.minReplicas: there are fewer partitions (kafka.topics.partitions)" -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\n%s\n" ($problems | join "\n")) -}}
{{- end -}}
{{- end }}
