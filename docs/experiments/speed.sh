#!/usr/bin/env bash
# The measurements of docs/src/performance.md, with nothing else running: about fifteen minutes.
# Usage: speed.sh PROGRAM [SECTION...]; EARLIER=PROGRAM measures another build in turns with this one.
set -euo pipefail
program=$1
shift
paper="--set ppo.epochs=10 --set ppo.minibatches=1"
bench() {
    echo
    echo "\$ commformer bench $*"
    "$program" bench "$@"
}
# Preset, with ten epochs of one batch, and with every setting of the authors' release.
tasks() {
    for turn in 1 2 3; do
        for task in "--set env.agents=3" "--set env.agents=5" "--set env.agents=10 --set env.dim=10"; do
            bench $task
            bench $task $paper
            bench released $task --seconds 20
        done
        [ -z "${EARLIER:-}" ] || { echo "earlier:"; "$EARLIER" bench; "$EARLIER" bench $paper; }
    done
}
# How cost grows with the team: two senders each, 0.4 N, and a thousand agents.
teams() {
    local grid="--set env.dim=11 --set rollout.num_envs=20 --seconds 6"
    bench $grid --over agents=3,5,10,27,50,100 --over senders=2
    bench $grid --over agents=3,5,10,27,50,100
    bench signal --set env.agents=1000 --set rollout.num_envs=4 --set rollout.steps=25 --over senders=4,40,400 \
        --iterations 1
}
sizes() {
    bench --over width=32,64,128,256
    bench --over envs=20,80,320 --over threads=1,2
    bench --over chunk=125,250,500,1000
}
shards() {
    for turn in 1 2; do
        bench --over rollout.shard=80,40,20,10 --over threads=1,2 --iterations 8
        bench --set rollout.num_envs=20 --set rollout.steps=200 --over rollout.shard=20,10,5 --over threads=1,2 \
            --iterations 8
    done
}
acting() {
    bench act
    bench act --set env.agents=10 --set env.dim=10
}
environments() {
    bench env --num-envs 1,20,256,4096 --threads 1,2
}
[ $# -gt 0 ] || set -- tasks teams sizes shards acting environments
for section in "$@"; do
    echo "== $section"
    "$section"
done
