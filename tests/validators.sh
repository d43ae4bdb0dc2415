#!/usr/bin/env bash
# What bellwire sends, judged by other people's code: every recorded and every hostile event goes through the real
# program, and each body through the platforms' schemas, libraries and types. Each judge must also refuse something
# that is broken on purpose. Skips, loudly, where the judges cannot be had.
. "$(dirname "$0")/parts/common.sh"
. "$parts/recording.sh"

needs python3 curl node npm
install_npm "$work/npm" @discordjs/builders@1.15.0 @slack/webhook@8.0.2 cloudevents@10.0.0 discord-api-spec@10.0.266135 \
    discord-api-types@0.38.57 typescript@7.0.2 zod@4.6.7 || skip "the packages from npm cannot be had"
install_python "$work/python" cloudevents==2.2.0 slack_sdk==3.48.0 || skip "the packages from PyPI cannot be had"
build_bellwire

record_everything
failed=""

cp "$parts"/read_recording.mjs "$parts"/validators.mjs "$work/npm"
(cd "$work/npm" && node validators.mjs "$recording" "$sent") || failed="$failed, schemas in JavaScript"
PYTHONDONTWRITEBYTECODE=1 "$work/python/bin/python" "$parts/validators.py" "$recording" || failed="$failed, libraries in Python"

types() { # types FILE...
    (cd "$work/npm" && npx tsc --noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext "$@" >tsc.log 2>&1)
}
for kind in discord slack; do
    if types "broken_$kind.ts"; then failed="$failed, the type check accepts what is broken on purpose ($kind)"; fi
    if types "$kind.ts"; then
        echo "types of $kind: $(grep -c '^export' "$work/npm/$kind.ts") judged, none refused"
    else
        head -n 10 "$work/npm/tsc.log" | cut -c 1-400
        failed="$failed, types of $kind"
    fi
done

[ -z "$failed" ] || fail "${failed#, }"
echo "every body passes the judges, and each judge refuses what is broken"
