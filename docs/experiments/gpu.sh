#!/usr/bin/env bash
# Carries the release binary to a machine with an NVIDIA GPU and PyTorch 2.11, which needs no Rust:
#
#   docs/experiments/gpu.sh pack         here: builds, and fills target/gpu (about 25 MB)
#   target/gpu/gpu.sh run                there: golden tests, CUDA tests, benchmarks on GPU and CPU, a rank for each GPU
#
# `run` finds libtorch where `python3 -c 'import torch'` has it, or in $LIBTORCH/lib.
set -euo pipefail

pack() {
  cd "$(dirname "${BASH_SOURCE[0]}")/../.."
  local out=target/gpu
  rm -rf "$out"
  mkdir -p "$out/tests"
  cargo build --release -p commformer
  cp target/release/commformer "$out/"
  cp -r tests/golden "$out/"
  # Test binaries under names that the other machine can tell apart.
  cargo test --release --no-run --message-format=json \
    -p commformer-model -p commformer-gate -p commformer-train -p commformer-torch -p commformer-tests |
    python3 -c '
import json, sys
for line in sys.stdin:
    built = json.loads(line)
    if built.get("executable") and built.get("profile", {}).get("test") and "test" in built["target"]["kind"]:
        package = built["package_id"].split("#")[0].rsplit("/", 1)[-1]
        print(package + "-" + built["target"]["name"], built["executable"])
' | while read -r name path; do cp "$path" "$out/tests/$name"; done
  cp "${BASH_SOURCE[0]}" "$out/gpu.sh"
  strip "$out/commformer" "$out"/tests/*
  du -sh "$out"
}

run() {
  cd "$(dirname "${BASH_SOURCE[0]}")"
  local lib=${LIBTORCH:+$LIBTORCH/lib}
  lib=${lib:-$(python3 -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}
  export LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || echo "no nvidia-smi here"
  export COMMFORMER_GOLDEN_DIR=$PWD/golden
  echo "== golden cases on the CPU, then on the GPU"
  tests/commformer-model-policy golden
  COMMFORMER_GOLDEN_DEVICE=cuda tests/commformer-model-policy golden --test-threads=1
  echo "== tests that need a GPU"
  for test in tests/*cuda*; do "$test" --nocapture --test-threads=1; done
  for device in cuda cpu; do
    echo "== $device"
    ./commformer bench train --device "$device" --json
    ./commformer bench train --device "$device" --set env.agents=10 --set env.dim=10 --json
    ./commformer bench train --device "$device" --set rollout.num_envs=512 --set rollout.steps=50 --set ppo.chunk=6400 --json
    ./commformer bench act --device "$device" --json
  done
  ./commformer bench train --device cuda --set run.precision=bfloat16 --set rollout.num_envs=512 \
    --set rollout.steps=50 --set ppo.chunk=6400 --json
  local gpus
  gpus=$(nvidia-smi --list-gpus 2>/dev/null | wc -l)
  echo "== ranks: 1, and one for each of $gpus GPUs (the same weights; with one GPU two ranks share it)"
  local ranks
  for ranks in 1 $((gpus > 1 ? gpus : 2)); do
    rm -rf "ranks-$ranks"
    ./commformer train predator-prey --device auto --steps 24000 --ranks "$ranks" --set rollout.shard=5 --set eval.every=24000 \
      --run "ranks-$ranks"
    tail -n 1 "ranks-$ranks/metrics.jsonl" | python3 -c 'import json, sys; print(json.load(sys.stdin)["seconds"])'
    sha256sum "ranks-$ranks"/checkpoints/0*/weights.safetensors
  done
}

case ${1:-} in
  pack) pack ;;
  run) run ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
