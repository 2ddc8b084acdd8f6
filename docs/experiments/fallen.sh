#!/usr/bin/env bash
# The table of the values of the fallen in docs/src/results.md: two maps, three values, seeds 1 to 5, in the order in
# which all values have the same seeds. Runs one thread each, as many at a time as JOBS says (two if it does not); what
# is there already is not run again. Usage: fallen.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"

for seed in 1 2 3 4 5; do
    for map in MMM 3s5z; do
        for fallen in own trained team; do
            run="$folder/$map-$fallen-$seed"
            [ -e "$run/final.json" ] || echo "smac-$map --steps 250000 --seed $seed --threads 1 --set ppo.fallen=$fallen --run $run"
        done
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
