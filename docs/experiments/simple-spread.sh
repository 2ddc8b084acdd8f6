#!/usr/bin/env bash
# The table of simple_spread in docs/src/results.md: the graph learned, none and full, three seeds; what is there
# already is not run again. PYTHON names the interpreter that has mpe2 and numpy. Gradients may have a
# norm of 10, as was the default when the table was measured.
# Usage: simple-spread.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"
for seed in 1 2 3; do
    for graph in learned none full; do
        run="$folder/simple-spread-$graph-$seed"
        [ -e "$run/final.json" ] || "$program" train simple-spread --seed "$seed" --set graph.mode="$graph" \
            --set env.python="${PYTHON:-python3}" --set ppo.max_grad_norm=10 --run "$run" >/dev/null 2>&1 || echo "failed: $run"
    done
done
