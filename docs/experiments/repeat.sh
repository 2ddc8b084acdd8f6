#!/usr/bin/env bash
# The same configuration and seed, twice on two threads and once on one: are metrics (times aside) and
# weights the same bytes? Usage: repeat.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"
for task in predator-prey predator-capture-prey signal predator-capture-prey-gate; do
    for run in 2-first 2-again 1; do
        "$program" train $task --steps 40000 --threads "${run%%-*}" --run "$folder/$task-$run" >/dev/null 2>&1
        metrics=$(sed 's/,"seconds":{[^}]*}//' "$folder/$task-$run/metrics.jsonl" | sha256sum | cut -c1-16)
        weights=$(cat "$folder/$task-$run"/checkpoints/*/weights.safetensors | sha256sum | cut -c1-16)
        echo "$task, threads $run: metrics $metrics, weights $weights"
    done
done
