#!/usr/bin/env bash
# The same configuration and seed, twice on two threads, once on one, and once killed (SIGKILL) again and again, on one
# and two threads in turns: are metrics (times aside) and the last weights the same bytes?
# Usage: repeat.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"

hashes() {
    metrics=$(sed 's/,"seconds":{[^}]*}//' "$1/metrics.jsonl" | sha256sum | cut -c1-16)
    newest=$(ls -d "$1"/checkpoints/* | tail -n 1)
    weights=$(sha256sum <"$newest/weights.safetensors" | cut -c1-16)
    echo "metrics $metrics, weights $weights"
}

for task in predator-prey predator-capture-prey signal predator-capture-prey-gate; do
    for run in 2-first 2-again 1; do
        "$program" train $task --steps 40000 --threads "${run%%-*}" --run "$folder/$task-$run" >/dev/null 2>&1
        echo "$task, threads $run: $(hashes "$folder/$task-$run")"
    done
    # Each time it gets a little further, whatever a machine takes to begin.
    kills=0
    until timeout --signal=KILL "$((5 + kills))e-1" "$program" train $task --steps 40000 \
        --set run.save_every=4000 --threads $((1 + kills % 2)) --run "$folder/$task-killed"; do
        kills=$((kills + 1))
    done >/dev/null 2>&1
    echo "$task, killed $kills times: $(hashes "$folder/$task-killed")"
done
