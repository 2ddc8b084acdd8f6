#!/usr/bin/env bash
# The tables of the gate in docs/src/results.md. Two runs at a time, one thread each; what is there already
# is not run again. Usage: gate.sh PROGRAM FOLDER [PART...], the parts being signal, curve, stale, more, large
# and kinds; by default all of them, in this order. Gradients may have a norm of 10, as was the default when the tables
# were measured.
set -euo pipefail
program=$1 folder=$2
shift 2
mkdir -p "$folder"

# run NAME OPTIONS: a line for each run that is not there.
run() {
    [ -e "$folder/$1/final.json" ] || echo "${*:2} --threads 1 --run $folder/$1"
}

# A team on a task under a gate: gated NAME PRESET STEPS GATE RATE SEED OPTIONS.
gated() {
    run "$1-$6" "$2 --steps $3 --set gate.mode=$4 --set gate.target_rate=$5 --seed $6 \
        --set ppo.max_grad_norm=10 ${*:7}"
}

# Signal with a cue in a quarter of the steps: the gate is to open then and only then.
signal() {
    for seed in 1 2 3 4 5; do
        for agents in 3 8; do
            for rate in 0.25 0.1; do
                gated "signal-$agents-$rate" signal 120000 learned $rate $seed \
                    --set env.agents=$agents --set env.source_seed=$seed --set env.cue_probability=0.25 \
                    --set graph.sparsity="$(awk "BEGIN { print 1 / $agents }")"
            done
        done
    done
}

# The grids of 5 x 5: the learned gate, chance and a clock at the same rates, three seeds.
curve() {
    for seed in 1 2 3; do
        for rate in 1.0 0.5 0.25 0.1 0.0; do
            for task in predator-prey predator-capture-prey; do
                gated "$task-learned-$rate" $task 400000 learned $rate $seed
                case $rate in 1.0 | 0.0) continue ;; esac
                gated "$task-random-$rate" $task 400000 random $rate $seed
                gated "$task-periodic-$rate" $task 400000 periodic $rate $seed
            done
        done
    done
}

# The grids of 10 x 10 with five agents, and no reward for coming nearer, which a preset has.
large() {
    for seed in 1 2 3; do
        for task in predator-prey predator-capture-prey; do
            for rate in 1.0 0.25; do
                gated "$task-10x10-learned-$rate" $task-10x10 600000 learned $rate $seed --set env.shaping=0.0
            done
        done
    done
}

# Two more seeds of the learned gate on the curve.
more() {
    for seed in 4 5; do
        for rate in 1.0 0.5 0.25 0.1 0.0; do
            for task in predator-prey predator-capture-prey; do
                gated "$task-learned-$rate" $task 400000 learned $rate $seed
            done
        done
    done
}

# Old messages for closed gates.
stale() {
    for seed in 1 2 3; do
        for task in predator-capture-prey predator-prey; do
            for rate in 0.25 0.1; do
                gated "$task-stale-$rate" $task 400000 learned $rate $seed --set gate.closed=stale
            done
        done
    done
}

# Other gates at a quarter of the messages, on the task where messages matter.
kinds() {
    for seed in 1 2 3; do
        task=predator-capture-prey
        gated "$task-threshold-0.25" $task 400000 learned 0.25 $seed --set gate.execution=threshold
        gated "$task-edge-0.25" $task 400000 learned 0.25 $seed --set gate.per=edge
        gated "$task-uncertainty-0.25" $task 400000 uncertainty 0.25 $seed
        gated "$task-through-0.25" $task 400000 learned 0.25 $seed --set gate.estimator=straight-through
    done
}

parts=("$@")
[ $# -gt 0 ] || parts=(signal curve stale more large kinds)
for part in "${parts[@]}"; do
    "$part"
done | xargs -P 2 -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
