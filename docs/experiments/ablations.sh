#!/usr/bin/env bash
# Which estimator, which graph to act on, whether a row may pick itself: Signal with eight agents, where
# the right graph is known, three seeds. Two runs at a time, one thread each. Gradients may have a norm of 10, as was the
# default when the table was measured.
# Usage: ablations.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"
straight="--set graph.estimator=straight-through"
for seed in 1 2 3; do
    while read -r name options; do
        run="$folder/$name-$seed"
        [ -e "$run/final.json" ] ||
            echo "signal --seed $seed --threads 1 --set env.source_seed=$seed --set ppo.max_grad_norm=10 $options --run $run"
    done <<WAYS
straight-through-sampled $straight
straight-through-exact $straight --set graph.rollout=exact
self-counted --set graph.self_edge=counted
WAYS
done | xargs -P 2 -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
