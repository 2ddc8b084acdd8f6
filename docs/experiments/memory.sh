#!/usr/bin/env bash
# The table of docs/src/performance.md, "Memory": what `commformer train` is estimated to take, and the most
# that it took (VmHWM), over two iterations, an evaluation and the last one. Some ten minutes, Linux only.
# Usage: memory.sh PROGRAM EXAMPLE, the release builds of `commformer` and of its example `memory`.
set -euo pipefail
program=$1 example=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# row PRESET KEY=VALUE...
row() {
    local estimate peak=0 now set=()
    estimate=$("$example" "$@" | awk '/in all/ { print $1 }')
    for setting in "${@:2}"; do set+=(--set "$setting"); done
    "$program" train "$1" "${set[@]}" --run "$scratch/run" >"$scratch/said" 2>&1 &
    while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status" 2>/dev/null); do
        peak=${now:-$peak}
        sleep 0.01
    done
    wait $! || { cat "$scratch/said"; return 1; }
    rm -r "$scratch/run"
    awk -v name="$*" -v estimate="$estimate" -v peak="$peak" 'BEGIN {
        estimate /= 1e6; peak *= 1024e-6
        printf "| `%s` | %.0f | %.0f | %.2f |\n", name, estimate, peak, estimate / peak
    }'
}

echo "| preset and settings | estimate, MB | measured, MB | ratio |"
echo "|---|---|---|---|"
short="run.steps=8000"
team="eval.episodes=4 eval.final_episodes=4"
row predator-prey $short
row signal env.agents=200 graph.sparsity=0.02 rollout.num_envs=20 run.steps=2000 $team
row smac-MMM run.steps=6400
row smac-10m_vs_11m run.steps=6400
row smac-27m_vs_30m run.steps=6400 eval.episodes=20 eval.final_episodes=20
row predator-prey-20x20 $short
row predator-prey rollout.num_envs=800 run.steps=80000
row predator-prey rollout.steps=1000 run.steps=160000
row predator-prey policy.embed_dim=256 $short
row predator-prey eval.episodes=2000 $short
row predator-prey eval.final_episodes=8000 $short
row predator-prey run.threads=16 run.steps=160000
row signal env.agents=100 graph.sparsity=0.02 rollout.num_envs=20 run.steps=2000 $team
row signal env.agents=1000 graph.sparsity=0.004 rollout.num_envs=4 rollout.steps=25 run.steps=200 $team
row signal env.agents=1000 graph.sparsity=0.4 rollout.num_envs=4 rollout.steps=25 run.steps=100 $team
row predator-prey-gate gate.start=0 $short
row predator-prey-gate gate.start=0 gate.closed=stale $short
row predator-prey run.precision=bfloat16 $short
row released $short
