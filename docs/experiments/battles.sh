#!/usr/bin/env bash
# The table of all tasks in docs/src/results.md: every preset to its end, with the graph learned, none and full. Runs one
# thread each, as many at a time as JOBS says (two if it does not); what is there already is not run again, and what was
# interrupted goes on where it was. The order is by seeds, then graphs, then tasks, so that the table says something of
# every task early on. SEEDS and GRAPHS choose fewer, STEPS other than the presets'.
# Usage: battles.sh PROGRAM FOLDER [PART...], the parts being even, outnumbered, talk, grids, junction, or presets; by default
# all of the five.
set -euo pipefail
program=$1 folder=$2
shift 2
mkdir -p "$folder"
parts=("$@")
[ $# -gt 0 ] || parts=(even outnumbered talk grids junction)

tasks() {
    case $1 in
        even) echo smac-{3m,8m,25m,2s3z,3s5z,1c3s5z,MMM,bane_vs_bane} ;;
        outnumbered) echo smac-{5m_vs_6m,8m_vs_9m,10m_vs_11m,27m_vs_30m,MMM2,2c_vs_64zg,6h_vs_8z,3s5z_vs_3s6z,corridor,3s_vs_5z} ;;
        talk) echo smac-{1o_10b_vs_1r,1o_2r_vs_4r,5z_vs_1ul} ;;
        grids) echo predator-prey-{10x10,20x20} predator-capture-prey-{10x10,20x20} ;;
        junction) echo traffic-junction-{easy,medium,hard} ;;
        *) echo "$1" ;;
    esac
}

for seed in ${SEEDS:-1 2 3 4 5}; do
    for graph in ${GRAPHS:-learned none full}; do
        for part in "${parts[@]}"; do
            for task in $(tasks "$part"); do
                run="$folder/$task-$graph-$seed"
                if [ -e "$run/final.json" ]; then
                    continue
                elif [ -e "$run/config.toml" ]; then
                    echo "--run $run"
                else
                    echo "$task --seed $seed --threads 1 ${STEPS:+--steps $STEPS }--set graph.mode=$graph --run $run"
                fi
            done
        done
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
