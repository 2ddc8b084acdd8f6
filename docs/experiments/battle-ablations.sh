#!/usr/bin/env bash
# What each part of training battles is worth, for docs/src/results.md: MMM with 250,000 and 3s5z with 500,000 steps, seeds 1
# to 5, one setting changed at a time. Runs one thread each, as many at a time as JOBS says (two if it does not); what is there already is not
# run again. All values of a setting get the same seeds before the next seed begins. SEEDS chooses fewer.
# Gradients may have a norm of 10, as was the default when the tables were measured.
# Usage: battle-ablations.sh PROGRAM FOLDER [PART...], the parts being fallen, reward, limit and optimiser; by default all.
set -euo pipefail
program=$1 folder=$2
shift 2
mkdir -p "$folder"
parts=("$@")
[ $# -gt 0 ] || parts=(fallen reward limit optimiser)

# A line for each value of the setting: its name in the table, and what is set.
values() {
    case $1 in
        fallen) printf '%s\n' "own ppo.fallen=own" "trained ppo.fallen=trained" "team ppo.fallen=team" ;;
        reward) printf '%s\n' "smac env.reward=smac" "losses env.reward=losses" "progress env.reward=progress" ;;
        limit) printf '%s\n' "truncates env.limit_terminates=false" "terminates env.limit_terminates=true" ;;
        optimiser) printf '%s\n' "ours ppo.clip=0.2" "slower ppo.lr=5e-4" "paper ppo.lr=5e-4 ppo.clip=0.05 ppo.epochs=10" ;;
        *) echo "no part $1" >&2; exit 2 ;;
    esac
}

for part in "${parts[@]}"; do
    for seed in ${SEEDS:-1 2 3 4 5}; do
        for map in MMM:250000 3s5z:500000; do
            steps=${map#*:} map=${map%:*}
            values "$part" | while read -r name settings; do
                run="$folder/$part-$map-$name-$seed"
                [ -e "$run/final.json" ] || echo "smac-$map --steps $steps --seed $seed --threads 1 --set ppo.max_grad_norm=10 $(printf -- '--set %s ' $settings) --run $run"
            done
        done
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
