#!/usr/bin/env bash
# Runs every GPU test and benchmark of a finished build on this machine and writes a dated report that ends in
# a short table. Builds nothing and installs nothing: it takes build/release, or build/bundle where that does
# not run here. Exit 1 where a step fails or no GPU is found. Words choose steps by the first words of their names: `tests
# resnets` alone, say, where time is short.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# cuDNN and CUDA's libraries from Python's wheels, where they are.
wheel=$(python3 -c 'import nvidia.cudnn as c; print(list(c.__path__)[0])' 2>/dev/null)
for folder in "$wheel/lib" "$(dirname "${wheel:-/}")/cu13/lib"; do
  if [[ -n $wheel && -d $folder ]]; then LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; fi
done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}

build=build/release
if ! "$build/dlfs" doctor >/dev/null 2>&1; then
  build=build/bundle
  [[ -x $build/unpack.sh ]] || { echo "gpu-check: neither build/release nor build/bundle is here" >&2; exit 1; }
  "$build/unpack.sh" || exit 1
fi

if ! "$build/dlfs" doctor | grep -q 'auto takes gpu'; then
  echo "gpu-check: no GPU to check here: $("$build/dlfs" doctor | tail -1)" >&2
  exit 1
fi

mkdir -p build/reports
report=build/reports/gpu-check-$(date +%Y-%m-%d-%H%M%S).txt
table=()
failed=0

chosen=("$@")

# step NAME COMMAND...: runs it into the report and keeps one row for the table.
step() {
  local name=$1 from=$SECONDS result=ok word=
  shift
  for word in "${chosen[@]}"; do if [[ $name == "$word"* ]]; then break; fi; done
  if [[ ${#chosen[@]} -gt 0 && $name != "$word"* ]]; then return; fi
  printf '\n==== %s: %s\n' "$name" "$*"
  "$@" 2>&1 || { (($? == 77)) && result="left out" || { result=failed; failed=1; }; }
  table+=("$(printf '%-28s %-12s %5d s' "$name" "$result" $((SECONDS - from)))")
}

gpu_tests() {
  local log status
  log=$(mktemp)
  local filter='Gpu*:*/Gpu*'
  if [[ -z $(data_folder coco128) ]]; then
    echo "no coco128 in \$DLFS_DATA or build/data: JPEG on the card is not checked"
    filter+=':-GpuJpeg*'
  fi
  DLFS_DATA=$(dirname "$(data_folder coco128)") "$build/dlfs_tests" --gtest_filter="$filter" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  # A test that skips has not been checked: on this machine that is a failure.
  if grep -q '\[  SKIPPED \]' "$log"; then status=1; fi
  if ! grep -q '\[       OK \]' "$log"; then status=1; fi
  rm -f "$log"
  return "$status"
}

# What docs/ mark as a GPU's; with the program of examples/ that only a bundle holds.
documents() {
  if [[ ! -x $build/pixel_shuffle_test ]]; then
    echo "$build holds no pixel_shuffle_test: ./dev bundle packs it"
    return 77
  fi
  python3 tools/readme_test.py --gpu "$build"
}

# LeNet on Fashion-MNIST, seeds 1 to 3, on the card and on the CPU (one thread each): the means must agree.
accuracy() {
  local data runs seed
  for data in /usr/share/datasets/fashion-mnist build/data/fashion-mnist ""; do
    if [[ -d $data ]]; then break; fi
  done
  if [[ -z $data ]]; then
    echo "no Fashion-MNIST in /usr/share/datasets or build/data"
    return 77
  fi
  runs=$(mktemp -d)
  for seed in 1 2 3; do
    OMP_NUM_THREADS=1 "$build/dlfs" train lenet --data "idx:$data" --seed $seed --device cpu --run "$runs/cpu-$seed" \
      >"$runs/cpu-$seed.log" &
  done
  wait
  for seed in 1 2 3; do
    "$build/dlfs" train lenet --data "idx:$data" --seed $seed --device gpu:0 --run "$runs/gpu-$seed" || return 1
    "$build/dlfs" eval "$runs/gpu-$seed/model.safetensors" --data "idx:$data" --device gpu:0 || return 1
  done
  local status=0
  python3 tools/compare_runs.py "$runs"/cpu-? -- "$runs"/gpu-? || status=1
  rm -rf "$runs"
  return "$status"
}

# The folder of a set of real data, or nothing.
data_folder() {
  local root
  for root in "${DLFS_DATA:-}" build/data; do
    if [[ -n $root && -d $root/$1 ]]; then realpath "$root/$1"; return; fi
  done
}

# How fast the photographs of coco128 become batches on the card, decoded by the CPU and by the card.
loading() {
  local data work size decode threads
  data=$(data_folder coco128)
  if [[ -z $data ]]; then echo "no coco128 in \$DLFS_DATA or build/data"; return 77; fi
  work=$(mktemp -d)
  "$build/dlfs" import coco "$data" --db "$work/coco.db" || return 1
  for decode in cpu gpu; do
    for size in 224 1344x800; do
      for threads in $([[ $decode == cpu ]] && echo 1 14 || echo 2 4); do
        "$build/dlfs" bench load "$work/coco.db" --device gpu:0 --batch $([[ $size == 224 ]] && echo 128 || echo 16) \
          --size $size --threads "$threads" --decode $decode || return 1
      done
    done
  done
  OMP_NUM_THREADS=1 "$build/dlfs_tests" --gtest_filter='SlowJpegCrops*:SlowSampleStream*' || return 1
  rm -rf "$work"
}

# small_cnn from JPEG files, three seeds; bench/peers/small_cnn.py does the same in PyTorch.
from_files() {
  local data work seed
  data=$(data_folder cifar10-jpeg)
  if [[ -z $data ]]; then echo "no cifar10-jpeg in \$DLFS_DATA or build/data"; return 77; fi
  work=$(mktemp -d)
  tar xzf "$data/train.tar.gz" -C "$work" && tar xzf "$data/test.tar.gz" -C "$work" || return 1
  "$build/dlfs" import folders "$work" --db "$work/cifar.db" || return 1
  for seed in 1 2 3; do
    "$build/dlfs" train small_cnn --data "$work/cifar.db" --device gpu:0 --epochs 30 --batch 128 --lr 0.05 \
      --weight-decay 0.0005 --augment flip,crop=4 --seed $seed --run "$work/run-$seed" | tail -2 || return 1
  done
  python3 - "$work"/run-? <<'PYTHON' || return 1
import json, pathlib, statistics, sys
results = [json.loads((pathlib.Path(run) / "result.json").read_text()) for run in sys.argv[1:]]
accuracies = [r["test_accuracy"] for r in results]
print(json.dumps({"small_cnn": "dlfs", "accuracies": accuracies, "mean": round(statistics.mean(accuracies), 4),
                  "images_per_second": round(statistics.median(r["train_images_per_second"] for r in results))}))
sys.exit(statistics.mean(accuracies) < 0.70)
PYTHON
  rm -rf "$work"
}

# ResNets on one fixed batch, training and inference; bench/peers/compare_resnet.py sets PyTorch beside them.
resnets() {
  local precision batch lines
  lines=$(mktemp)
  for precision in f16 bf16; do
    "$build/dlfs" bench train resnet50 --batch 256 --classes 1000 --precision $precision --device gpu:0 || return 1
    "$build/dlfs" bench train resnet18 --size 32 --batch 512 --precision $precision --device gpu:0 || return 1
    for batch in 1 32 256; do
      "$build/dlfs" bench infer resnet50 --batch $batch --classes 1000 --precision $precision --device gpu:0 || return 1
    done
  done | tee "$lines"
  local status=${PIPESTATUS[0]}
  # Ten lines, each of finite numbers, and losses that fell.
  python3 - "$lines" <<'PYTHON' || status=1
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
learned = [line for line in lines if line["finite"] == "yes" and line.get("loss_after_20", 0) < line.get("first_loss", 1)]
sys.exit(len(learned) != 10)
PYTHON
  rm -f "$lines"
  return "$status"
}

main() {
  echo "gpu-check of $build, $(date -u '+%Y-%m-%d %H:%M UTC')"
  step card nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv
  step doctor "$build/dlfs" doctor
  step "tests" gpu_tests
  step documents documents
  step "accuracy, 3 seeds" accuracy
  step "loading" loading
  step "small_cnn from files" from_files
  step "resnets" resnets
  local script word row
  if python3 -c 'import torch' 2>/dev/null; then
    for script in jpeg lenet small_cnn; do step "peer $script" python3 -W ignore "bench/peers/$script.py"; done  # 77: no data
    step "peer resnets" python3 bench/peers/compare_resnet.py "$build/dlfs" --pairs 2 --rounds 5 --seconds 300
  else
    printf '\nPyTorch is not here: its side of the benchmarks was left out\n'
  fi
  for word in "${chosen[@]}"; do
    for row in "${table[@]}"; do if [[ $row == "$word"* ]]; then continue 2; fi; done
    echo "gpu-check: no step that could run begins with $word"
    failed=1
  done
  printf '\n==== table\n'
  printf '%s\n' "${table[@]}"
  python3 tools/bench_table.py "$report"
  return "$failed"
}

main 2>&1 | tee "$report"
status=${PIPESTATUS[0]}
echo "report: $report"
exit "$status"
