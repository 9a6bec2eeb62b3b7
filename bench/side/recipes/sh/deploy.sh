#!/bin/bash
# deploy | rollback: what a careful person writes by hand. One shared connection a host, all hosts at once, one step after the other.
set -uo pipefail
read -ra hosts <<<"$BENCH_HOSTS"
app=$BENCH_APP
sockets=$(mktemp -d /tmp/bench-ssh.XXXXXX)
ssh="ssh -o ControlMaster=auto -o ControlPath=$sockets/%h -o ControlPersist=30 -o BatchMode=yes"

finish() {
    for host in "${hosts[@]}"; do $ssh -O exit "$host" 2>/dev/null & done
    wait
    rm -rf "$sockets"
}
trap finish EXIT

all_ended() { # PID…
    local bad=0 pid
    for pid; do wait "$pid" || bad=1; done
    [ $bad = 0 ] || exit 1
}
everywhere() { # COMMAND
    local pids=() host
    for host in "${hosts[@]}"; do
        $ssh "$host" "$1" &
        pids+=($!)
    done
    all_ended "${pids[@]}"
}
send_everywhere() {
    local pids=() host
    for host in "${hosts[@]}"; do
        rsync -a -e "$ssh" --exclude=.git --link-dest=../../current/ "$BENCH_PLACE/checkout/" "$host:$app/releases/$id/" &
        pids+=($!)
    done
    all_ended "${pids[@]}"
}

if [ "$1" = rollback ]; then
    everywhere "cd $app/releases && now=\$(basename \$(readlink ../current)) && before=\$(ls | sed -n \"/^\$now\$/q;p\" | tail -1) &&
        test -n \"\$before\" && ln -s $app/releases/\$before ../current.new && mv -T ../current.new ../current && $BENCH_RESTART"
    exit
fi

id=$(date +%Y%m%d%H%M%S)
checkout=$BENCH_PLACE/checkout
[ -d "$checkout" ] || git clone -q "$BENCH_REPOSITORY" "$checkout" || exit 1
git -C "$checkout" fetch -q && git -C "$checkout" checkout -q -f --detach "origin/$BENCH_VERSION" || exit 1
everywhere "mkdir -p $app/releases $app/shared/uploads"
send_everywhere
everywhere "cd $app/releases/$id && ln -sfn $app/shared/uploads uploads && $BENCH_INSTALL"
$ssh "${hosts[0]}" "cd $app/releases/$id && $BENCH_MIGRATE" || exit 1
everywhere "cd $app/releases/$id && $BENCH_COLLECT"
everywhere "cd $app && ln -sfn $app/releases/$id current.new && mv -T current.new current"
everywhere "$BENCH_RESTART && cd $app/releases && ls | head -n -5 | xargs -r rm -rf"
