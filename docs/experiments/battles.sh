#!/usr/bin/env bash
# The tables of Traffic Junction and of battles in docs/src/results.md: the graph learned, none and full, three
# seeds. Runs one thread each, as many at a time as JOBS says (two if it does not); what is there already is not
# run again. Usage: battles.sh PROGRAM FOLDER [PART...], the parts being easy, medium, marines and mixed; by
# default all of them, in this order.
set -euo pipefail
program=$1 folder=$2
shift 2
mkdir -p "$folder"

# teams PRESET STEPS SEED...: a line for each run that is not there.
teams() {
    for seed in "${@:3}"; do
        for graph in learned none full; do
            run="$folder/$1-$graph-$seed"
            [ -e "$run/final.json" ] || echo "$1 --steps $2 --seed $seed --threads 1 --set graph.mode=$graph --run $run"
        done
    done
}

easy() { teams traffic-junction-easy 1000000 1 2 3; }
medium() { teams traffic-junction-medium 400000 1 2 3; }
marines() {
    teams smac-3m 500000 1 2 3
    teams smac-8m 1000000 1 2 3
}
mixed() {
    teams smac-MMM 1150000 1
    teams smac-3s5z 1500000 1
    teams smac-1o_10b_vs_1r 1400000 1
}

parts=("$@")
[ $# -gt 0 ] || parts=(easy medium marines mixed)
for part in "${parts[@]}"; do
    "$part"
done | xargs -P "${JOBS:-2}" -I{} sh -c "'$program' train {} >/dev/null 2>&1 || echo 'failed: {}'"
