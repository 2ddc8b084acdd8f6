#!/usr/bin/env bash
# What several ranks cost: on this machine, and between two network namespaces over links of several delays and rates; and a
# model fitted to that, carried to 64 machines. As root, with nothing else running, about 8 minutes; prints Markdown.
# Usage: ranks-scaling.sh PROGRAM FOLDER [TURNS]; TASKS, RATES (Mbit/s) and DELAYS (ms, each way) name others than its own:
# RATES=10 DELAYS=1 ranks-scaling.sh PROGRAM FOLDER 1 takes three minutes. MORE has further settings.
# The links are netem's where the kernel has it, else those of ranks-link.py, which take a part of a core.
set -euo pipefail
program=$(realpath "$1") folder=$2 turns=${3:-2}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$folder"
cd "$folder"
found=$PWD/found.tsv
printf 'task\tranks\tthreads\tdelay_ms\trate_mbit\tseconds\tbytes\texchanges\tparameters\tsteps\tagents\n' >"$found"
ours="ranks-a ranks-b" link=
ended() {
    [ -z "$link" ] || kill "$link" 2>/dev/null || true
    for space in $ours; do ip netns del "$space" 2>/dev/null || true; done
}
trap ended EXIT

# The settings of a task: four or more iterations, of which the first does not count, and next to no evaluation.
settings() {
    local few="${MORE:-} --device cpu --set eval.every=100000000 --set eval.episodes=1 --set eval.final_episodes=1"
    case $1 in
        smac-3s5z) echo "smac-3s5z $few --steps 12800 --set rollout.shard=16" ;;
        predator-prey) echo "predator-prey $few --steps 40000 --set rollout.shard=40" ;;
    esac
}
# Seconds of an iteration, the median of all but the first; a line of the table.
record() { # TASK RANKS THREADS DELAY RATE BYTES
    python3 - run "$@" >>"$found" <<'PYTHON'
import json, re, statistics, struct, sys, tomllib
run, task, ranks, threads, delay, rate, sent = sys.argv[1:]
lines = [json.loads(line) for line in open(f"{run}/metrics.jsonl")]
lines = [line for line in lines if line["kind"] == "iteration"]
seconds = [sum(line["seconds"][phase] for phase in ("environment", "act", "update")) for line in lines]
config = tomllib.load(open(f"{run}/config.toml", "rb"))
ppo, rollout = config["ppo"], config["rollout"]
# Gradients of each step, the rollout, and whether to stop.
exchanges = ppo["epochs"] * ppo["minibatches"] + 2
import glob, os
newest = sorted(glob.glob(f"{run}/checkpoints/0*"))[-1]
with open(f"{newest}/weights.safetensors", "rb") as weights:
    header = json.loads(weights.read(struct.unpack("<Q", weights.read(8))[0]))
size = sum(end - begin for name, (begin, end) in
           ((name, tensor["data_offsets"]) for name, tensor in header.items() if name != "__metadata__"))
agents = open(f"{run}.said").read()
agents = re.search(r"Training (\d+) agents", agents).group(1)
print(task, ranks, threads, delay, rate, f"{statistics.median(seconds[1:]):.4f}", int(sent) // len(seconds), exchanges,
      size // 4, rollout["steps"] * rollout["num_envs"], agents, sep="\t")
PYTHON
}
here() { # TASK RANKS THREADS
    rm -rf run
    "$program" train $(settings "$1") --run run --ranks "$2" --threads "$3" >run.said 2>run.errors
    record "$1" "$2" "$3" 0 0 0
}
sent() { ip netns exec ranks-a cat /sys/class/net/wire/statistics/{tx,rx}_bytes | paste -sd+ | xargs -I{} sh -c 'echo $(({}))'; }
# Two ranks in two namespaces.
apart() { # TASK DELAY RATE
    local rank ranks=() before
    rm -rf run
    for space in $ours; do ip netns add "$space"; done
    if [ -n "$netem" ] || [ "$3" = 0 ]; then
        ip link add wire netns ranks-a type veth peer name wire netns ranks-b
        for rank in 0 1; do
            space=$(echo $ours | cut -d' ' -f$((rank + 1)))
            ip -n "$space" addr add 10.77.0.$((rank + 1))/24 dev wire
            ip -n "$space" link set wire up
            ip -n "$space" link set lo up
            [ "$3" = 0 ] || ip netns exec "$space" tc qdisc add dev wire root netem delay "$2ms" rate "$3mbit" limit 100000
        done
    else
        coproc python3 "$here/ranks-link.py" ranks-a 10.77.0.1 ranks-b 10.77.0.2 "$2" "$3"
        link=$COPROC_PID
        read -r _ <&"${COPROC[0]}"
    fi
    before=$(sent)
    for rank in 0 1; do
        ip netns exec "$(echo $ours | cut -d' ' -f$((rank + 1)))" env MASTER_ADDR=10.77.0.1 MASTER_PORT=29500 WORLD_SIZE=2 \
            RANK=$rank COMMFORMER_INTERFACE=10.77.0.$((rank + 1)) \
            "$program" train $(settings "$1") --run run --threads 1 >"run.said-$rank" 2>"run.errors-$rank" &
        ranks+=($!)
    done
    for rank in "${ranks[@]}"; do wait "$rank"; done
    mv run.said-0 run.said
    record "$1" 2 1 "$2" "$3" $((($(sent) - before) / 2))
    [ -z "$link" ] || { kill "$link"; wait "$link" 2>/dev/null || true; link=; }
    for space in $ours; do ip netns del "$space"; done
}

netem=
ip netns add ranks-a
! ip netns exec ranks-a tc qdisc add dev lo root netem delay 1ms 2>/dev/null || netem=yes
ip netns del ranks-a
for ((turn = 0; turn < turns; turn++)); do
    for task in ${TASKS:-smac-3s5z predator-prey}; do
        here "$task" 1 1
        here "$task" 1 2
        here "$task" 2 1
        apart "$task" 0 0
    done
    for rate in ${RATES:-1000 100}; do
        for delay in ${DELAYS:-0.1 1 10}; do apart smac-3s5z "$delay" "$rate"; done
    done
done
echo "Links by $([ -n "$netem" ] && echo netem || echo ranks-link.py); $(nproc) cores; $(date +%F)."
echo
python3 "$here/ranks-model.py" "$found"
