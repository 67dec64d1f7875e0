#!/usr/bin/env bash
# From a text file and a labelled table to a classifier that has to reach a bar, as a CI job would run it.
#
#     bash examples/pipeline.sh corpus.txt train.csv dev.csv
#
# A training that was cut off goes on where it stopped when its line is repeated.
set -euo pipefail

corpus=$1 train=$2 dev=$3
steps=${STEPS:-200}

bertcli vocab build "$corpus" --size 8000
bertcli mask build "$corpus"
bertcli mask audit --mlm --nsp --json > audit.json
bertcli pretrain --mlm --nsp --steps "$steps" --resume
bertcli finetune --task classification --train "$train" --dev "$dev" --fail-under accuracy="${BAR:-0.5}" --resume
bertcli extract-features "$dev" --model bertcli-out/runs/classification/model -o features.parquet
