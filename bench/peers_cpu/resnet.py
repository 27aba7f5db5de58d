#!/usr/bin/env python3
"""ResNet-18's training and ResNet-50's inference by dlfs and by PyTorch on one thread of this CPU, in alternating pairs.

    bench/peers_cpu/resnet.py [DLFS] [--only train18-16-f32,infer50-8-bf16] [--pairs 5]

PyTorch runs in the faster of its modes here, eager channels-last or compiled (inference folded and frozen). As
bench/peers/compare_resnet.py, which says more.
"""
import os
import pathlib
import sys

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))

import compare_resnet

if __name__ == "__main__":
    usual = ["--device", "cpu", "--pairs", "5", "--rounds", "3", "--seconds", "3600",
             "--only", "train18-16-f32,train18-16-bf16,infer50-8-f32,infer50-8-bf16,infer50-1-f32,infer50-1-bf16"]
    sys.exit(compare_resnet.main(usual + sys.argv[1:]))
