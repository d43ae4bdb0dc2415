#!/usr/bin/env bash
# Signatures, verified by the libraries that receivers use: Standard Webhooks in two languages and by two makers, with
# either secret of a rotation, GitHub's and Stripe's schemes by their own code. Each refuses one changed byte. And the other
# way round: what those libraries sign, `bellwire verify` accepts. Skips, loudly, where the libraries cannot be had.
. "$(dirname "$0")/parts/common.sh"
. "$parts/recording.sh"

needs python3 curl node npm
install_npm "$work/npm" @octokit/webhooks-methods@6.0.0 standardwebhooks@1.1.1 stripe@23.1.0 svix@1.99.1 \
    || skip "the packages from npm cannot be had"
install_python "$work/python" standardwebhooks==1.1.0 stripe==16.1.0 svix==2.9.1 || skip "the packages from PyPI cannot be had"
build_bellwire

record_everything
failed=""
cp "$parts"/read_recording.mjs "$parts"/signatures.mjs "$work/npm"
(cd "$work/npm" && node signatures.mjs "$recording" "$new_secret" "$old_secret") || failed="$failed, JavaScript"
PYTHONDONTWRITEBYTECODE=1 "$work/python/bin/python" "$parts/signatures.py" "$recording" "$new_secret" "$old_secret" \
    || failed="$failed, Python"

cp "$parts/made.mjs" "$work/npm" && mkdir "$work/made"
(cd "$work/npm" && node made.mjs "$work/made" "$new_secret") || failed="$failed, signing in JavaScript"
"$work/python/bin/python" "$parts/made.py" "$work/made" "$new_secret" || failed="$failed, signing in Python"
for request in "$work"/made/*.http; do
    secret=${request%.http}.secret name=$(basename "${request%.http}")
    "$bellwire" verify --secret-file "$secret" <"$request" || failed="$failed, verify of $name"
    sed 's/tp_hit/tp_hot/' "$request" | "$bellwire" verify --secret-file "$secret" >/dev/null && failed="$failed, a change in $name"
done
[ "$(ls "$work/made" | grep -c http)" = 7 ] || failed="$failed, the number of requests that were signed"
[ -z "$failed" ] || fail "signatures in ${failed#, }"
echo "every signature is accepted with the right secret, and refused with one byte changed; so is theirs by bellwire"
