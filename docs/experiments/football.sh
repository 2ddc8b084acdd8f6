#!/usr/bin/env bash
# The table of football in docs/src/results.md: academy_3_vs_1_with_keeper, three seeds of each graph that is named, and
# random play; what is there already is not run again. After `cargo xtask football setup`, in the repository's root.
# Gradients may have a norm of 10, as was the default when the table was measured.
# Usage: football.sh PROGRAM FOLDER STEPS [GRAPH...]
set -euo pipefail
program=$1 folder=$2 steps=$3
shift 3
mkdir -p "$folder"
python=.football/bin/python
[ -e "$folder/random.json" ] || {
    "$python" docs/experiments/football-random.py 400 >"$folder/random.json.part"
    mv "$folder/random.json.part" "$folder/random.json"
}
for seed in 1 2 3; do
    for graph in "${@:-learned}"; do
        run="$folder/football-$graph-$seed"
        [ -e "$run/final.json" ] || "$program" train football-3_vs_1 --seed "$seed" --steps "$steps" \
            --set graph.mode="$graph" --set eval.every=25000 --set ppo.max_grad_norm=10 --run "$run" >/dev/null 2>&1 || echo "failed: $run"
    done
done
