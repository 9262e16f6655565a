#!/usr/bin/env bash
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
example=$root/examples/node

# alert SERIAL SECRET STATUS WORD: the webhook answers an alert with this status and word.
alert() {
    local answer
    answer=$(WEBHOOK_SHARED_SECRET=$2 node "$example/alert.mjs" "$url" "$1")
    case $answer in
    "$3 "*"$4"*) ;;
    *)
        echo "$3 and $4 are due, and the webhook answered: $answer"
        exit 1
        ;;
    esac
}

case $1 in
setup)
    npm_ci "$example"
    cp "$COMPONENT" "$example/mv-clip.wasm"
    npm --silent --prefix "$example" run transpile
    npm --silent --prefix "$example" run build
    result "$(node --version | tr -d v)" "$(cat "$example"/mv-clip/*.* "$example/get-clip.js" | wc -c)"
    ;;
clip)
    exec node "$example/get-clip.js" "${@:2}" 1>&3
    ;;
check)
    coproc webhook { WEBHOOK_SHARED_SECRET=secret PORT=0 exec node "$example/webhook.js"; }
    # shellcheck disable=SC2154 # bash sets it.
    trap 'kill "$webhook_PID"' EXIT
    read -r line <&"${webhook[0]}"
    url=${line##* }
    alert "$MOCK_SERIAL" secret 200 /media/
    alert Q2XX-XXXX-XXXX secret 422 not-found
    alert "$MOCK_SERIAL" another 401 'shared secret'
    # An alert is read before its secret is known.
    alert "$(printf 'Q%.0s' {1..70000})" secret 400 'at most'
    ;;
esac
