#!/usr/bin/env bash
# Which graph to act on, which estimator, whether a row may pick itself: Predator-Capture-Prey, where the
# message itself is needed, three seeds, 200,000 steps. Two runs at a time, one thread each.
# Usage: ablations.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"
straight="--set graph.estimator=straight-through"
for seed in 1 2 3; do
    task="predator-capture-prey --seed $seed --threads 1 --steps 200000"
    while read -r name options; do
        run="$folder/$name-$seed"
        [ -e "$run/final.json" ] || echo "$task $options --run $run"
    done <<WAYS
score-function-sampled
straight-through-sampled $straight
straight-through-exact $straight --set graph.rollout=exact
score-function-self-counted --set graph.self_edge=counted
WAYS
done | xargs -P 2 -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
