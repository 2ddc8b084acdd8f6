#!/usr/bin/env bash
# The table of methods in docs/src/results.md: methods x tasks x seeds, one thread each, as many at a time as JOBS says (two if
# it does not). What is there already is not run again, and what was interrupted goes on where it was. The order is by
# seeds, so that the table says something early on. SEEDS, TASKS and METHODS choose others; a method's name may end in -gru.
# Gradients may have a norm of 10, as was the default when the table was measured.
# Usage: methods.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
mkdir -p "$folder"

steps() {
    case $1 in
        smac-*) echo 250000 ;;
        *) echo 600000 ;;
    esac
}

for seed in ${SEEDS:-1 2 3}; do
    for method in ${METHODS:-commformer mat ippo mappo mappo-gru}; do
        for task in ${TASKS:-predator-prey predator-capture-prey smac-MMM}; do
            run="$folder/$task-$method-$seed"
            options="--method ${method%-gru} --set ppo.max_grad_norm=10"
            case $method in
                *-gru) options="$options --set method.recurrence=gru" ;;
            esac
            if [ -e "$run/final.json" ]; then
                continue
            elif [ -e "$run/config.toml" ]; then
                echo "--run $run"
            else
                echo "$task $options --steps ${STEPS:-$(steps "$task")} --seed $seed --threads 1 --run $run"
            fi
        done
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
