#!/usr/bin/env bash
# Where messages decide, for docs/src/results.md: three maps with a sight of three cells and three with drawn armies and hidden
# enemies; the graph learned, random, none and full; against what the map tells the enemies, and two scripts. Runs one thread
# each, as many at a time as JOBS says (two if it does not); what is there already is not run again, and what was interrupted
# goes on where it was. All graphs of a task get the same seeds before the next task. SEEDS and ENEMIES choose fewer.
# Usage: messages.sh PROGRAM FOLDER [TASK...]
set -euo pipefail
program=$1 folder=$2
shift 2
mkdir -p "$folder"
tasks=("$@")
[ $# -gt 0 ] || tasks=(smac-{MMM,3s5z,5m_vs_6m}-sight3 smac-{terran,protoss,zerg}_5_vs_5-hidden)

for seed in ${SEEDS:-1 2 3 4 5}; do
    for enemies in ${ENEMIES:-map focus-fire kite}; do
        opponent=""
        [ "$enemies" = map ] || opponent="--set env.opponent=$enemies"
        for task in "${tasks[@]}"; do
            for graph in learned random none full; do
                run="$folder/$task-$enemies-$graph-$seed"
                if [ -e "$run/final.json" ]; then
                    continue
                elif [ -e "$run/config.toml" ]; then
                    echo "--run $run"
                else
                    echo "$task --seed $seed --threads 1 --set graph.mode=$graph $opponent --run $run"
                fi
            done
        done
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
