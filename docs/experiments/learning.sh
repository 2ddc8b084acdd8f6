#!/usr/bin/env bash
# The learning table of docs/src/results.md: two tasks, four graphs, three seeds, 600,000 steps each.
# Runs two at a time, one thread each. Gradients may have a norm of 10, as was the default when the table was measured.
# Usage: learning.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"
for seed in 1 2 3; do
    for task in predator-prey predator-capture-prey; do
        for graph in learned full random none; do
            run="$folder/$task-$graph-$seed"
            [ -e "$run/final.json" ] ||
                echo "$task --steps 600000 --seed $seed --threads 1" \
                    "--set graph.mode=$graph --set ppo.max_grad_norm=10 --run $run"
        done
    done
done | xargs -P 2 -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
