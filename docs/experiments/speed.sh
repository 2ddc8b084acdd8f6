#!/usr/bin/env bash
# The measurements of docs/src/performance.md: about ten minutes, with nothing else running.
# Usage: speed.sh PROGRAM [EARLIER_PROGRAM]
set -euo pipefail
program=$1 earlier=${2:-}
bench() {
    echo
    echo "\$ commformer bench $*"
    "$program" bench "$@"
}
paper="--set ppo.epochs=10 --set ppo.minibatches=1"
echo "== the three tasks: preset, with ten epochs of one batch, and with every setting of the authors' release"
for turn in 1 2 3; do
    for task in "--set env.agents=3" "--set env.agents=5" "--set env.agents=10 --set env.dim=10"; do
        bench $task
        bench $task $paper
        bench released $task --seconds 20
    done
    [ -z "$earlier" ] || { echo; echo "earlier program:"; "$earlier" bench; "$earlier" bench $paper; }
done
echo "== how cost grows: agents with two senders each, and with 0.4 N"
large="--set env.dim=11 --set rollout.copies=20 --seconds 6"
bench $large --over agents=3,5,10,27,50,100 --over senders=2
bench $large --over agents=3,5,10,27,50,100
bench signal --set env.agents=1000 --set rollout.copies=4 --set rollout.steps=25 --over senders=4,40,400 --iterations 1
echo "== width, copies, chunk, threads"
bench --over width=32,64,128,256
bench --over copies=20,80,320 --over threads=1,2
bench --over chunk=125,250,500,1000
echo "== rollouts in one shard, in halves, in smaller ones"
for turn in 1 2 3; do
    bench --over rollout.shard=80,40,20,10 --over threads=1,2
    bench --set rollout.copies=20 --set rollout.steps=200 --over rollout.shard=20,10,5 --over threads=1,2
done
echo "== acting, environments"
bench act
bench act --set env.agents=10 --set env.dim=10
bench env --copies 1,20,256,4096 --threads 1,2
