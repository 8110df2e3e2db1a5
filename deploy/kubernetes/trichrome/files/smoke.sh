# `helm test`: what a user does first, through the web app's entrance at $FACADE, over each transport.
set -eu

# Prints the answer's body; fails, and says so, on any status but a success.
call() {
    method=$1 path=$2
    shift 2
    answer=$(curl --silent --show-error --max-time 20 --write-out '\n%{http_code}' \
        --request "$method" "$@" "$FACADE$path")
    status=${answer##*
}
    body=${answer%
*}
    case $status in
    2*) printf '%s\n' "$body" ;;
    *)
        echo "$method $path: $status $body" >&2
        return 1
        ;;
    esac
}

# The text field of a JSON object.
field() {
    sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

# A PNG of 2 x 2 pixels.
picture=iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGPQqDgBRAwQCgAk7gWh8YchJQAAAABJRU5ErkJggg==
name=helm-test-$(date +%s)-$$
json='content-type: application/json'

token=$(call POST /rest/signup --header "$json" \
    --data "{\"username\":\"$name\",\"password\":\"$name-password\"}" | field access_token)
test -n "$token"
echo "ok  sign up"
login="authorization: Bearer $token"
user=$(call POST /rest/auth --header "$json" --data "{\"access_token\":\"$token\"}" | field user_id)
test -n "$user"

forget() {
    call DELETE "/rest/users/$user" --header "$login" > /dev/null
    echo "ok  delete the account"
}
# Also when a step fails.
trap forget EXIT

for transport in rest grpc events; do
    id=$(call POST "/$transport/pictures" --header "$login" --header "$json" \
        --data "{\"title\":\"$transport\",\"base64\":\"$picture\"}" | field id)
    test -n "$id"
    echo "ok  upload over $transport"
    call GET "/$transport/pictures" --header "$login" | grep -q "$id"
    echo "ok  list over $transport"
done

trap - EXIT
forget
