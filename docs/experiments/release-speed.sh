#!/usr/bin/env bash
# The authors' release and this program in turns, for docs/src/performance.md, with nothing else running: some four minutes.
# Usage: release-speed.sh PROGRAM RELEASE PYTHON. RELEASE is a checkout of github.com/charleshsc/CommFormer (c6cd65e). PYTHON has
# PyTorch, gym 0.26, tensorboardX, imageio, setproctitle, absl-py, transformers 4 and wandb. With a NumPy of today, `_all_idx` of
# its ic3net_envs/predator_prey_env.py needs `grid = list(grid)` before it inserts.
set -euo pipefail
program=$1
release=$2
python=$3
release() {
    (cd "$release/commformer/scripts" && "$python" train/train_pp.py --env_name PP --algorithm_name commformer_dec \
        --experiment_name single --seed 1 --n_block 1 --n_embd 64 --n_training_threads 2 --n_rollout_threads 20 \
        --num_mini_batch 1 --ppo_epoch 10 --clip_param 0.05 --use_ReLU --gain 0.01 --lr 5e-4 --use_bilevel \
        --log_interval 1 --episode_length 200 "$@") | grep FPS
}
for turn in 1 2 3; do
    "$program" bench released --set env.agents=3 --seconds 20
    release --num_env_steps 20000
done
"$program" bench released --set env.agents=5 --seconds 20
release --num_env_steps 12000 --nfriendly_P 4
