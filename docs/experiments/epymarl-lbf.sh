#!/usr/bin/env bash
# EPyMARL's MAPPO on the task of our preset lbf-8x8-2p-2f-coop, for docs/src/comparison.md:
#
#   git clone https://github.com/uoe-agents/epymarl && git -C epymarl checkout cbc38c0
#   python3 -m venv epymarl/venv
#   epymarl/venv/bin/pip install torch==2.11.0 lbforaging==2.0.0 gymnasium==1.4.0 sacred==0.8.7 \
#       pyyaml scipy imageio matplotlib tensorboard-logger
#   epymarl-lbf.sh epymarl SEED STEPS [SETTING=VALUE...]
#
# The settings are its own, but for those of the task: episodes of 50 steps. For each evaluation, of 100 episodes with greedy
# actions, it prints the time of day, the steps, and the mean share of the food that was collected.
set -euo pipefail
cd "$1"
seed=$2 steps=$3
shift 3
# It imports every environment that it knows, those of packages that are not there as well.
stubs=$(mktemp -d)
trap 'rm -r "$stubs"' EXIT
touch "$stubs/smaclite.py"
PYTHONPATH=$stubs venv/bin/python -W ignore src/main.py --config=mappo --env-config=gymma with \
    env_args.time_limit=50 env_args.key=lbforaging:Foraging-8x8-2p-2f-coop-v3 use_cuda=False \
    "seed=$seed" "t_max=$steps" test_interval=50000 test_nepisode=100 \
    log_interval=50000 runner_log_interval=50000 learner_log_interval=50000 "$@" 2>&1 |
    awk '/Recent Stats/ { time = $2; steps = $8 }
        { for (i = 1; i < NF; i++) if ($i == "test_return_mean:") print substr(time, 1, 8), steps, $(i + 1); fflush() }
        /Error|Traceback/ { print }'
