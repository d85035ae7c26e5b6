#!/usr/bin/env bash
# A model trained on a CPU goes on, on a GPU, for some minutes: the same recipe in larger batches.
#
#   recipes/gpu/continue.sh MODEL PICTURES PRESET MINUTES OUT [words of spatialgan train]
#   recipes/gpu/continue.sh floors-64 floors128.zip floors64 25 runs/floors64-gpu --set train.g_lr=0.002 --set model.center_std=0.2
#
# MODEL is a bundled model, a .safetensors file or a run; of one without the whole discriminator a new one is trained.
# The same command goes on where it was stopped. OUT/run is a run's folder; OUT/utilisation.csv says every five seconds
# how busy the GPU is, and the last line printed how many images a second it trains. DEVICE=cpu rehearses.
# Needs Bash and GNU's timeout.
set -euo pipefail
if [ $# -lt 5 ]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit 2
fi
model=$1 pictures=$2 preset=$3 minutes=$4 out=$5
shift 5
mkdir -p "$out"
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used --format=csv --loop=5 >>"$out/utilisation.csv" &
  trap 'kill $!' EXIT
fi
start=()
[ -e "$out/run/config.json" ] || start=(--init-from "$model")
# An interrupt writes a checkpoint and a snapshot, which takes seconds.
status=0
timeout --signal=INT --kill-after=120 "${minutes}m" \
  spatialgan train --data "$pictures" --preset "$preset" --device "${DEVICE:-cuda}" --out "$out/run" \
  --kimg 25000 --set aids.reconstruct_kimg=0 --set train.batch_size=128 --set train.snapshot_kimg=500 \
  --set train.checkpoint_kimg=100 "${start[@]}" "$@" || status=$?
[ $status -eq 0 ] || [ $status -eq 124 ] || exit $status  # 124: the time is up
tail -n 1 "$out/run/stats.jsonl"
