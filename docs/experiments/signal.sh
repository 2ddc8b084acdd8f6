#!/usr/bin/env bash
# The tables of Signal in docs/src/results.md. A file for `cargo xtask compare` cannot say them: whom an agent must hear
# (env.source_seed) changes with the seed. Two runs at a time, one thread each; what is there already is not run again.
# Gradients may have a norm of 10, as was the default when the tables were measured; authors.toml has it, too.
# Usage: signal.sh PROGRAM FOLDER [TABLE...], the tables being graph, estimator and gate; by default all
set -euo pipefail
program=$1 folder=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
long="--set ppo.max_grad_norm=10"

# A line for a run that is not there: run GROUP SEED OPTIONS.
run() {
    local run="$folder/$1/seed-$2"
    [ -e "$run/final.json" ] || echo "signal --seed $2 --threads 1 --set env.source_seed=$2 ${*:3} --run $run"
}

# So many agents, one sender for each receiver.
agents() {
    echo "--set env.agents=$1 --set graph.sparsity=$(awk "BEGIN { print 1 / $1 }")"
}

# Is the right graph found? Three sizes.
graph() {
    local seed size
    for seed in 1 2 3 4 5; do
        for size in "3 40000" "8 60000" "16 60000"; do
            set -- $size
            size="$(agents "$1") --steps $2"
            run "$1-learned" $seed $size $long
            run "$1-authors" $seed $size --config "$here/authors.toml"
            run "$1-random" $seed $size $long --set graph.mode=random
            run "$1-none" $seed $size $long --set graph.mode=none
        done
    done
}

# Which estimator, which graph to act on, whether a row may pick itself: eight agents.
estimator() {
    local seed straight="--set graph.estimator=straight-through"
    for seed in 1 2 3; do
        run straight-through-sampled $seed $long $straight
        run straight-through-exact $seed $long $straight --set graph.rollout=exact
        run self-counted $seed $long --set graph.self_edge=counted
    done
}

# A cue in a quarter of the steps: the gate is to open then and only then.
gate() {
    local seed agents rate
    for seed in 1 2 3 4 5; do
        for agents in 3 8; do
            for rate in 0.25 0.1; do
                run "$agents-gate-$rate" $seed $long $(agents $agents) --steps 120000 \
                    --set env.cue_probability=0.25 --set gate.mode=learned --set gate.target_rate=$rate
            done
        done
    done
}

[ $# -gt 0 ] || set -- graph estimator gate
for table in "$@"; do
    "$table"
done | xargs -P 2 -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
