#!/bin/sh
# The program of an exec sink: hands the event on standard input to the Apps Script web app whose address is in the
# file named, and follows its redirect to the answer. Exit status 0 only where the script says that the row is there.
set -eu
answer=$(curl --fail --silent --show-error --location --max-time 50 --config "$1" \
    --header 'Content-Type: application/json' --data-binary @-)
case $answer in
    written | 'written before') ;;
    *) printf 'not written: %.200s\n' "$answer" >&2; exit 1 ;;
esac
