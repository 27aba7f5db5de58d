#!/usr/bin/env bash
# The ImageNet recipe of docs/recipes.md for 200 steps on drawn photographs: from JPEG files to a ResNet-50 that learns, once
# with files decoded by the CPU and once by the card. Prints a JSON line for each. Takes DLFS, the program, and needs Python:
#
#     [DLFS=build/release/dlfs] bench/imagenet.sh [FLAG OF TRAIN...]
#
# Without a GPU the same in miniature: CLASSES=4 TRAIN=16 REPEAT=1 DECODE=cpu MODEL=resnet18 BATCH=8 PRECISION=f32 DEVICE=cpu
set -euo pipefail
tools=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../tools")
dlfs=${DLFS:-build/release/dlfs}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 51,200 names of 2,560 files: one epoch is 200 steps of 256.
from=$SECONDS
python3 "$tools/draw_photographs.py" "$work/photographs" --classes "${CLASSES:-128}" --train "${TRAIN:-20}" --val 2 \
  --repeat "${REPEAT:-20}"
echo "drawn in $((SECONDS - from)) s"
"$dlfs" import folders "$work/photographs" --db "$work/photographs.db"

for decode in ${DECODE:-cpu gpu}; do
  "$dlfs" train "${MODEL:-resnet50}" --data "$work/photographs.db" --device "${DEVICE:-gpu:0}" --decode "$decode" \
    --precision "${PRECISION:-f16}" --epochs 1 --batch "${BATCH:-256}" --lr 0.1 --warmup 0.1 --weight-decay 0.0001 \
    --label-smoothing 0.1 --augment resized,flip --test-resize 256 --run "$work/$decode" "$@"
  python3 - "$work/$decode" "$decode" <<'PYTHON'
import json, pathlib, sys
run, decode = pathlib.Path(sys.argv[1]), sys.argv[2]
config, result = (json.loads((run / name).read_text()) for name in ("config.json", "result.json"))
lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
losses = [line["loss"] for line in lines if "loss" in line]
epoch = lines[-1]
print(json.dumps({"imagenet": config["model"], "decode": decode, "device": config["device"], "precision": config["precision"],
                  "batch": config["batch"], "steps": epoch["step"],
                  "images_per_second": round(result["train_images_per_second"]),
                  "train_seconds": round(epoch["train_seconds"], 2), "wait_seconds": round(epoch["wait_seconds"], 2),
                  "first_loss": round(losses[0], 4), "last_loss": round(losses[-1], 4),
                  "test_accuracy": result["test_accuracy"], "unreadable": result["unreadable_images"]}))
# The first loss is that of step 20. A few steps of small batches say nothing.
sys.exit(result["unreadable_images"] > 0 or (len(losses) > 5 and not losses[-1] < losses[0]))
PYTHON
done
