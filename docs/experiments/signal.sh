#!/usr/bin/env bash
# The table of Signal in docs/src/results.md: is the right graph found? Three sizes; learned with five
# seeds; the authors' settings, a random graph and none with three. Two runs at a time, one thread each.
# Budgets are 40,000, 60,000 and 60,000 steps. Gradients may have a norm of 10, as was the default when the table was
# measured; authors.toml has it, too. Usage: signal.sh PROGRAM FOLDER
set -euo pipefail
program=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
for seed in 1 2 3 4 5; do
    ways=learned
    [ "$seed" -gt 3 ] || ways="learned authors random none"
    for size in "3 40000" "8 60000" "16 60000"; do
        set -- $size
        task="--seed $seed --threads 1 --steps $2 --set env.agents=$1 --set env.source_seed=$seed"
        # One sender for each receiver.
        task="$task --set graph.sparsity=$(awk "BEGIN { print 1 / $1 }")"
        for way in $ways; do
            run="$folder/signal-$1-$way-$seed"
            case $way in
                authors) options="--config $here/authors.toml" ;;
                *) options="--set graph.mode=$way --set ppo.max_grad_norm=10" ;;
            esac
            [ -e "$run/final.json" ] || echo "signal $task $options --run $run"
        done
    done
done | xargs -P 2 -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
