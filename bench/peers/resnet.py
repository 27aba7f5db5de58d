#!/usr/bin/env python3
"""PyTorch's side of `dlfs bench train` and `bench infer` of a ResNet: torchvision's model in PyTorch's best ways, on one fixed batch.

    resnet.py train|infer MODEL BATCH PRECISION [--side 224] [--classes 1000] [--device cuda] [--modes A,B] [--rounds 9] [--stand-by]

MODEL is torchvision's name, or resnet18_small: its resnet18 for CIFAR-10, which begins with a 3x3 and no pool. PRECISION is
f32, tf32, f16 or bf16. All are channels-last with images in that type. Training: autocast, fused SGD (rate 0.01, momentum 0.9,
decay 1e-4), in f16 a GradScaler. Inference: batch norms folded into convolutions, weights in that type.
Modes; the fastest of those that are named and work is reported:

    graph         torch.compile, the whole step recorded by hand as one CUDA graph (the usual one on a GPU)
    autotune      the same with mode="max-autotune-no-cudagraphs": minutes of compiling
    eager-graph   not compiled, recorded
    compiled, eager    without a recording (the usual ones on a CPU; inference is frozen there)

A JSON line: images a second, peak memory as the driver sees it, losses. With --stand-by a further line for each line on stdin:
the same measured again.
"""
import argparse
import json
import math
import os
import statistics
import sys
import time

STEPS = 20


def words():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "infer"))
    parser.add_argument("model")
    parser.add_argument("batch", type=int)
    parser.add_argument("precision", choices=("f32", "tf32", "f16", "bf16"))
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--modes", default="")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--stand-by", action="store_true")
    return parser.parse_args()


asked = words()
if asked.device == "cpu":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
try:
    import torch
    import torch.nn.functional as F
    import torchvision
except ImportError as error:
    print(f"resnet.py: {error}", file=sys.stderr)
    sys.exit(77)

on_gpu = asked.device == "cuda"
if on_gpu and not torch.cuda.is_available():
    print("resnet.py: no GPU here", file=sys.stderr)
    sys.exit(77)
narrow = {"f16": torch.float16, "bf16": torch.bfloat16}.get(asked.precision)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = asked.precision != "f32"
torch.backends.cudnn.benchmark = True


def wait():
    if on_gpu:
        torch.cuda.synchronize()


def batch():
    torch.manual_seed(1)
    images = torch.randn(asked.batch, 3, asked.side, asked.side, dtype=narrow or torch.float32, device="cpu")
    labels = torch.arange(asked.batch) % asked.classes
    return images.to(asked.device, memory_format=torch.channels_last), labels.to(asked.device)


def compiled(function, mode):
    if mode in ("graph", "compiled"):
        return torch.compile(function)
    return torch.compile(function, mode="max-autotune-no-cudagraphs") if mode == "autotune" else function


def net():
    """The model that was asked for, on the CPU. The last norm of a ResNet's block begins at 0, as ours does: else losses after a
    few steps are far apart."""
    torch.manual_seed(1)
    if not asked.model.startswith("res"):
        return torchvision.models.get_model(asked.model, num_classes=asked.classes)
    if asked.model != "resnet18_small":
        return torchvision.models.get_model(asked.model, num_classes=asked.classes, zero_init_residual=True)
    model = torchvision.models.resnet18(num_classes=asked.classes, zero_init_residual=True)
    model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
    torch.nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.maxpool = torch.nn.Identity()
    return model


def training(mode, dynamic):
    """One training step, as a function that gives the loss."""
    images, labels = batch()
    model = net().to(asked.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, fused=True)
    for parameter in model.parameters():  # else a first step that overflows leaves it as memory was
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    scaler = torch.amp.GradScaler(asked.device, enabled=narrow == torch.float16 and dynamic)
    static = 1024.0 if narrow == torch.float16 and not dynamic else 1.0

    def loss_of():
        # A recording must not hold a cache of cast weights.
        with torch.autocast(asked.device, dtype=narrow or torch.bfloat16, enabled=narrow is not None, cache_enabled=False):
            return F.cross_entropy(model(images), labels)

    forward = compiled(loss_of, mode)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = forward()
        if static != 1.0:
            (loss * static).backward()
            torch._foreach_div_([p.grad for p in model.parameters()], static)
        else:
            scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return step


def inference(mode):
    """One batch, as a function that gives the logits."""
    from torch.fx.experimental.optimization import fuse

    images, _ = batch()
    model = fuse(net().eval())
    model = model.to(asked.device, dtype=narrow or torch.float32, memory_format=torch.channels_last)
    if not on_gpu and mode == "compiled":
        torch._inductor.config.freezing = True
    forward = compiled(model, mode)

    def step():
        with torch.no_grad():
            return forward(images)

    return step


def recorded(step):
    """The step as one CUDA graph, and what its replays write; `step` has run before."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step()

    def replay():
        graph.replay()
        return result

    return replay


def prepared(mode, dynamic):
    """A way to run one step, and what its checks say."""
    begin = time.perf_counter()
    step = training(mode, dynamic) if asked.what == "train" else inference(mode)
    said = {"mode": mode}
    warm = STEPS - 9 if asked.what == "train" else 3
    graph = mode in ("graph", "autotune", "eager-graph")

    def warm_up():
        first = float(step().float().sum())
        for _ in range(warm - 1):
            step()
        return first

    if graph:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            first = warm_up()
        torch.cuda.current_stream().wait_stream(side)
        run = recorded(step)
    else:
        first, run = warm_up(), step
    said["compile_seconds"] = round(time.perf_counter() - begin, 1)
    if asked.what == "train":
        for _ in range(STEPS - warm):
            last = run()
        said.update(first_loss=round(first, 4), loss_after_20=round(float(last), 4))
        if narrow == torch.float16:
            said["loss_scale"] = "dynamic, on the device" if dynamic else "static"
    else:
        said["logits_sum"] = round(float(run().float().sum()), 4)
    return run, said


def seconds_of(run):
    """The median of rounds of at least 0.1 s (one step on a CPU)."""
    def timed(count):
        wait()
        begin = time.perf_counter()
        for _ in range(count):
            run()
        wait()
        return (time.perf_counter() - begin) / count

    timed(1)
    count = max(1, int(0.1 / timed(2))) if on_gpu else 1
    return statistics.median(timed(count) for _ in range(asked.rounds))


def best():
    """The fastest mode, ready to run again."""
    modes = asked.modes.split(",") if asked.modes else ["graph"] if on_gpu else ["eager", "compiled"]
    ways = [(mode, dynamic) for mode in modes for dynamic in ((True, False) if asked.precision == "f16" else (True,))]
    found, done = None, set()
    for mode, dynamic in ways:
        if mode in done:
            continue  # a static scale is for modes in which a dynamic one cannot be recorded
        try:
            run, said = prepared(mode, dynamic)
            if asked.what == "train" and not math.isfinite(said["loss_after_20"]):
                raise ArithmeticError(f"the loss is {said['loss_after_20']}")
            seconds = seconds_of(run)
        except Exception as error:  # a mode that this version does not have for this model
            print(f"resnet.py: {mode}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            continue
        done.add(mode)
        if found is None or seconds < found[0]:
            found = (seconds, run, said)
    if found is None:
        sys.exit("resnet.py: no mode worked")
    return found


def main():
    if on_gpu:
        torch.zeros(1, device="cuda")  # the context counts on neither side
        before = torch.cuda.mem_get_info()[0]
    else:
        torch.set_num_threads(1)
    seconds, run, said = best()
    while True:
        line = {"what": f"{asked.what} {asked.model} {asked.side}x{asked.side}", "by": f"PyTorch {torch.__version__}",
                "batch": asked.batch, "precision": asked.precision, "images_per_s": round(asked.batch / seconds, 1),
                "ms": round(1e3 * seconds, 3), **said}
        if on_gpu:
            line.update(peak_bytes=before - torch.cuda.mem_get_info()[0], allocated_bytes=torch.cuda.max_memory_allocated())
        print(json.dumps(line), flush=True)
        if not asked.stand_by or not sys.stdin.readline():
            return
        seconds = seconds_of(run)


if __name__ == "__main__":
    main()
