#!/bin/sh
# Prints the URL of one clip: get-clip.sh SERIAL START END
#
# WASMTIME and COMPONENT are the paths of the program and of the component. The component gets its settings, including
# the API key, and no other variable. The exit code is 0 for ok(…), 75 for err(transient(…)), 1 for other errors, and 2 for
# a wrong argument.
set -eu
case $# in
3) ;;
*)
    echo "usage: get-clip.sh SERIAL START END" >&2
    exit 2
    ;;
esac
case $1$2$3 in
*[!A-Za-z0-9:.+-]*)
    echo "use letters, digits and the characters : . + - only" >&2
    exit 2
    ;;
esac
settings=$(env | sed -n 's/^\(MERAKI_DASHBOARD_API_KEY\|MERAKI_BASE_URL\|'\
'MV_CLIP_\(DEADLINE\|ATTEMPT_TIMEOUT\|LAG\)_SECONDS\|'\
'MV_CLIP_\(MAX_ATTEMPTS\|REQUESTS_PER_SECOND\|RETENTION_DAYS\)\)=.*/--env \1/p')
# shellcheck disable=SC2086 # Each setting has to become two arguments.
result=$("${WASMTIME:-wasmtime}" run -S http \
    $settings \
    --invoke "get-clip(\"$1\", \"$2\", \"$3\")" \
    "${COMPONENT:-mv-clip.wasm}")
printf '%s\n' "$result"
case $result in
"ok("*) ;;
"err(transient("*) exit 75 ;;
*) exit 1 ;;
esac
