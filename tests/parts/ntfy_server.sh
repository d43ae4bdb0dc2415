# A real ntfy server, started as often as a check needs one of its own. Sourced after common.sh; `ntfy` is the program.

# Every server has a user `bridge` who may write and read, and nobody else may.
start_ntfy() { # start_ntfy NAME [LINE OF ITS CONFIGURATION...]; sets server and token
    local name=$1 folder=$work/$1; shift
    local port; port=$(free_port)
    server="http://127.0.0.1:$port"
    mkdir "$folder"
    {
        echo "base-url: \"$server\""
        echo "listen-http: \"127.0.0.1:$port\""
        echo "cache-file: \"$folder/cache.db\""
        echo "auth-file: \"$folder/auth.db\""
        echo 'auth-default-access: "deny-all"'
        echo 'web-root: "disable"'
        printf '%s\n' "$@"
    } >"$folder/server.yml"
    run_ntfy "$name" "$server"
    NTFY_PASSWORD=pw "$ntfy" user --config "$folder/server.yml" add bridge >/dev/null 2>&1
    "$ntfy" access --config "$folder/server.yml" bridge '*' read-write >/dev/null 2>&1
    token=$("$ntfy" token --config "$folder/server.yml" add bridge 2>&1 | grep -oE 'tk_[A-Za-z0-9]+' | head -n 1)
    [ -n "$token" ] || fail "ntfy gave no token"
}

# Has the server keep account by user. Where it does so by address, a request with good credentials that meets another
# one from the same address is refused with 403 now and then, which would be a lottery here.
by_user() { # by_user NAME
    "$ntfy" tier --config "$work/$1/server.yml" add --message-limit=100000 pro >/dev/null 2>&1
    "$ntfy" user --config "$work/$1/server.yml" change-tier bridge pro >/dev/null 2>&1
}

run_ntfy() { # run_ntfy NAME URL; sets ntfy_pid
    "$ntfy" serve --config "$work/$1/server.yml" >>"$work/$1/ntfy.log" 2>&1 &
    ntfy_pid=$!
    pids+=("$ntfy_pid")
    until_ready "ntfy" curl -fsS "$2/v1/health"
}

# What a subscriber gets, read from another address: the server counts requests by address.
read_topic() { # read_topic URL TOKEN TOPIC
    curl -fsS --interface 127.0.0.2 -H "Authorization: Bearer $2" "$1/$3/json?poll=1&since=all"
}

# The head of a configuration; the API tells how deliveries stand.
head_of() { # head_of FEED
    printf 'data_dir = "data"\n[http]\nlisten = "127.0.0.1:%s"\n' "$(free_port)"
    source_of "$1"
}

sink() { # sink NAME SERVER TOPIC [LINE...]
    local name=$1 at=$2 topic=$3; shift 3
    printf '[sinks.%s]\nkind = "ntfy"\nserver = "%s"\ntopic = "%s"\nrate_limit = "off"\n' "$name" "$at" "$topic"
    printf '%s\n' "$@"
}

deliveries() { # deliveries FOLDER [FILTER...]: as JSON
    local folder=$1; shift
    "$bellwire" queue list --config "$folder/config.toml" --json "$@" 2>/dev/null
}
