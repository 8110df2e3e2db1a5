#!/bin/sh
# Runs before nginx's configuration is written. Ends the container's start unless PICTURES_ORIGIN is
# one origin that the Content-Security-Policy may name, or two with a space between them. The gateway has
# the same rules (gateway/src/http/policy.rs), and both are tested with pictures-origins.txt.
set -eu

refuse() {
    echo "PICTURES_ORIGIN must be one origin without a path, such as" \
        "https://<bucket>.s3.<region>.amazonaws.com, with https unless the host is localhost;" \
        "not an endpoint that all buckets share; or two, with a space between them" >&2
    exit 1
}

check() {
    origin=$1
    scheme=${origin%%://*}
    authority=${origin#*://}
    [ "$origin" = "$scheme://$authority" ] || refuse

    host=$authority
    case $authority in
    *:*)
        host=${authority%%:*}
        port=${authority#*:}
        case $port in
        "" | 0* | *[!0-9]* | ??????*) refuse ;;
        esac
        [ "$scheme:$port" != https:443 ] && [ "$scheme:$port" != http:80 ] || refuse
        ;;
    esac

    case .$host. in
    *[!a-z0-9.-]* | *..*) refuse ;;
    esac

    case $scheme in
    https)
        aws=${host%.cn}
        case $aws in
        s3.amazonaws.com | s3.*.amazonaws.com) refuse ;;
        s3-*.*.amazonaws.com) ;;
        s3-*.amazonaws.com) refuse ;;
        esac
        ;;
    http)
        case $host in
        localhost | *.localhost) ;;
        127.*)
            case ${host#127.} in
            *[!0-9.]* | *.*.*.*) refuse ;;
            *.*.*) ;;
            *) refuse ;;
            esac
            ;;
        *) refuse ;;
        esac
        ;;
    *) refuse ;;
    esac
}

case ${PICTURES_ORIGIN-} in
*" "*" "*) refuse ;;
*" "*)
    check "${PICTURES_ORIGIN%% *}"
    check "${PICTURES_ORIGIN#* }"
    ;;
*) check "${PICTURES_ORIGIN-}" ;;
esac
