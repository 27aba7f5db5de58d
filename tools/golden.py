#!/usr/bin/env python3
"""Makes the golden files: what PyTorch gives for every row of every op's table, for ten training steps of LeNet, and for
torchvision's ResNet-18 and ResNet-50 in inference and ten training steps of the first.

    tools/golden.py [--cpu] [FOLDER]      (./dev golden runs it; FOLDER: dlfs/testing/golden)

dlfs_tests --list-cases, of build/release or build/bundle, prints the tables; inputs and weights come from the formula of tools/formula.py, so the
files hold results alone. Ops are computed in float64: the truth, rounded once. The training steps are computed in f32,
without TF32 and by PyTorch's own kernels, since the filter gradient that it takes from cuDNN in f32 is up to 2e-3 off
(a Winograd transform); float64's losses stand beside them. Where PyTorch sees no GPU it refuses, since golden values
come from a GPU machine; --cpu allows it for a look.
"""
import json
import math
import pathlib
import subprocess
import sys

import numpy
import torch
import torch.nn.functional as F

import formula

VERSION = "1"
MOST_ELEMENTS = 4096  # of a stored tensor; larger ones are stored as every k-th element
KINDS = {"f32": numpy.float32, "i32": numpy.int32}


def random_numbers(key, count, low, high):
    u = formula.uniform(formula.key_of(key), numpy.arange(count)).astype(numpy.float64)
    return (low + (high - low) * u).astype(numpy.float32)


def case_input(case, index, device):
    """Input `index` of a case as a tensor [n,h,w,c] (None where it is absent)."""
    said = case["inputs"][index]
    if said is None:
        return None
    count = math.prod(said["shape"])
    key = f"{case['name']}/in{index}"
    if said["given"]:
        values = numpy.resize(numpy.array(said["given"], numpy.float32), count)
    elif said["dtype"] == "f32":
        values = random_numbers(key, count, said["low"], said["high"])
    else:
        u = random_numbers(key, count, 0, 1).astype(numpy.float64)
        values = numpy.floor(u * said["below"]).astype(numpy.int64)
        if said["some_ignored"]:
            values[::3] = said["ignored"]
    made = torch.from_numpy(values.reshape(said["shape"])).to(device)
    return made.double().requires_grad_() if said["dtype"] == "f32" else made


def nchw(t):
    return t.permute(0, 3, 1, 2)


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def flat(bias):
    return None if bias is None else bias.reshape(-1)


def conv(s, x, w, bias):
    y = F.conv2d(nchw(x), nchw(w), flat(bias), s["stride"], s["pad"], s["dilation"], s["groups"])
    return [nhwc(F.relu(y) if s["relu"] else y)]


def batch_norm(s, *inputs):
    """Of x and of a shortcut: scale, bias, running mean and variance, sums (never given here)."""
    def norm(x, scale, bias, mean, variance, sums):
        mean, variance = mean.detach(), variance.detach()
        if not s["frozen"]:
            mean, variance = x.detach().mean((0, 1, 2), True), x.detach().var((0, 1, 2), correction=0, keepdim=True)
        running = (flat(mean), flat(variance)) if s["frozen"] else (None, None)
        y = F.batch_norm(nchw(x), *running, flat(scale), flat(bias), not s["frozen"], eps=s["epsilon"])
        return nhwc(y), torch.cat((mean, variance), 2)

    y, *statistics = norm(*inputs[:6])
    if s["projects"]:
        shortcut, *more = norm(*inputs[6:])
        y, statistics = y + shortcut, statistics + more
    elif inputs[6] is not None:
        y = y + inputs[6]
    return [F.relu(y) if s["relu"] else y, *statistics]


def batch_norm_statistics(s, factor, *tensors):
    norms = len(s["momentum"])
    results = []
    for i, (momentum, count) in enumerate(zip(s["momentum"], s["count"])):
        mean, variance, batch = (tensors[part * norms + i].detach() for part in range(3))
        if factor is None or factor.item() != 0:
            unbiased = batch[:, :, 1:] * count / (count - 1)
            mean = (1 - momentum) * mean + momentum * batch[:, :, :1]
            variance = (1 - momentum) * variance + momentum * unbiased
        results += [mean, variance]
    return results


def fold_norm(s, w, conv_bias, scale, bias, mean, variance):
    a = scale / torch.sqrt(variance + s["epsilon"])
    made = a * ((0 if conv_bias is None else conv_bias) - mean) + bias
    return [(a.reshape(-1, 1, 1, 1) * w).detach(), made.detach()]


def group_norm(s, x, scale, bias):
    y = nhwc(F.group_norm(nchw(x), s["groups"], flat(scale), flat(bias), s["epsilon"]))
    return [F.relu(y) if s["relu"] else y]


def max_pool(s, x):
    y = nhwc(F.max_pool2d(nchw(x), s["size"], s["stride"], s["pad"]))
    return [F.relu(y) if s["relu"] else y]


def avg_pool(s, x):
    # Copied to PyTorch's own order: on a GPU its gradient is wrong for channels-last maps that are padded (2.11).
    return [nhwc(F.avg_pool2d(nchw(x).contiguous(), s["size"], s["stride"], s["pad"], count_include_pad=s["count_include_pad"]))]


def upsample(s, x):
    size = {"size": (s["h"], s["w"])} if s["h"] else {"scale_factor": s["factor"]}
    return [nhwc(F.interpolate(nchw(x), mode=s["interpolation"], **size))]


def concat(s, *maps):
    return [torch.cat(maps, 3)]


def subsample(s, x):
    more, step = s["channels"] - x.shape[3], s["stride"]
    return [F.pad(x[:, ::step, ::step], (more // 2, more - more // 2))]


def prepare(s, pixels, looks):
    """Flip, erase and colour by a look an image; see dlfs/ops/prepare/prepare.h."""
    n, h, w, c = pixels.shape
    y = pixels.new_zeros((n, h, w, 8 if s["form"] == "padded" else c), dtype=torch.float64)
    mean, deviation = (torch.tensor(s[name], dtype=torch.float64, device=pixels.device) for name in ("mean", "deviation"))
    for image, look in enumerate(looks.detach()[:, 0, 0]):
        width, height, flip = (int(number) for number in look[:3])
        left, top, across, down = (int(number) for number in look[4:8])
        shown = pixels[image, :height, :width].double()
        colour, offset = look[8:17].reshape(3, 3)[:c, :c], look[17:17 + c]
        shown = ((shown.flip(1) if flip else shown) @ colour.T + offset).clamp(0, 255)
        shown = (shown / 255 - mean) / deviation
        shown[top:top + down, left:left + across] = 0
        y[image, :height, :width, :c] = shown
    if s["form"] == "blocks":  # the four pixels of a block, row by row; two blocks of padding before and one behind
        y = F.pad(y, (0, 0, 4, 2, 4, 2)).reshape(n, h // 2 + 3, 2, w // 2 + 3, 2, 3)
        y = F.pad(y.permute(0, 1, 3, 2, 4, 5).flatten(3), (0, 4))
    return [y]


def stem_filter(s, w):
    """Filters for images in a form of dlfs/ops/image_form.h."""
    if s["form"] == "padded":
        return [F.pad(w, (0, 8 - w.shape[3]))]
    w = F.pad(w, (0, 0, 1, 0, 1, 0)).reshape(-1, 4, 2, 4, 2, 3)
    return [F.pad(w.permute(0, 1, 3, 2, 4, 5).flatten(3), (0, 4))]


def linear(s, x, w, bias):
    y = F.linear(x.flatten(1), w.flatten(1), flat(bias))
    return [(F.relu(y) if s["relu"] else y)[:, None, None, :]]


def softmax_cross_entropy(s, logits, labels):
    loss = F.cross_entropy(nchw(logits), labels[..., 0], ignore_index=s["ignore_index"],
                           label_smoothing=s["label_smoothing"])
    return [loss.reshape(1, 1, 1, 1)]


def element_loss(s, values, weights):
    losses = values if weights is None else values * weights
    return [(losses.mean() if s["reduction"] == "mean" else losses.sum()).reshape(1, 1, 1, 1)]


def sigmoid_cross_entropy(s, logits, targets, weights):
    return element_loss(s, F.binary_cross_entropy_with_logits(logits, targets, reduction="none"), weights)


def mean_squared_error(s, prediction, target, weights):
    return element_loss(s, F.mse_loss(prediction, target, reduction="none"), weights)


def smooth_l1(s, prediction, target, weights):
    return element_loss(s, F.smooth_l1_loss(prediction, target, reduction="none", beta=s["beta"]), weights)


def sgd(s, rate, *tensors):
    """One step of torch.optim.SGD that finds the case's momentum in its state."""
    tensors = [t for t in tensors if t is not None]
    parts = 3 if s["momentum"] else 2
    count = len(tensors) // parts
    parameters = [torch.nn.Parameter(t.detach().clone()) for t in tensors[:count]]
    optimizer = torch.optim.SGD(parameters, lr=rate.item(), foreach=False, momentum=s["momentum"], weight_decay=s["weight_decay"],
                                nesterov=s["nesterov"])
    for i, parameter in enumerate(parameters):
        parameter.grad = tensors[count + i].detach().clone()
        if parts == 3:
            optimizer.state[parameter]["momentum_buffer"] = tensors[2 * count + i].detach().clone()
    optimizer.step()
    results = []
    for parameter in parameters:  # in the order of Signature::updates
        results.append(parameter.detach())
        if parts == 3:
            results.append(optimizer.state[parameter]["momentum_buffer"])
    return results


def adam(s, rate, steps, *tensors):
    """One step of torch.optim.Adam or AdamW that finds the case's moments and steps done in its state."""
    tensors = [t.detach().clone() for t in tensors if t is not None]
    count = len(tensors) // 4
    parameters = [torch.nn.Parameter(t) for t in tensors[:count]]
    gradients, m, v = (tensors[part * count:][:count] for part in (1, 2, 3))
    kind = torch.optim.AdamW if s["decoupled"] else torch.optim.Adam
    optimizer = kind(parameters, lr=rate.item(), foreach=False, betas=(float(s["beta1"]), float(s["beta2"])),
                     eps=s["epsilon"], weight_decay=s["weight_decay"])
    for i, parameter in enumerate(parameters):
        parameter.grad = gradients[i]
        optimizer.state[parameter] = {"step": steps[0, 0, 0, 0].double(), "exp_avg": m[i], "exp_avg_sq": v[i]}
    optimizer.step()
    updated = [t.detach() for row in zip(parameters, m, v) for t in row]  # in the order of Signature::updates
    return updated + [steps + 1]


def lars(s, rate, *tensors):
    """One step of LARS, which PyTorch lacks, by its formula."""
    tensors = [t.detach() for t in tensors if t is not None]
    count = len(tensors) // 3
    results = []
    for i in range(count):
        p, gradient, m = (tensors[part * count + i] for part in range(3))
        vector = bool(s["vectors"] and s["vectors"][i])
        decay = 0.0 if vector else s["weight_decay"]
        size, slope = p.norm(), gradient.norm()
        ratio = 1.0 if vector or size == 0 or slope == 0 else s["trust"] * size / (slope + decay * size)
        m = s["momentum"] * m + rate.detach() * ratio * (gradient + decay * p)
        results += [p - m, m]  # in the order of Signature::updates
    return results


def binary(function):
    """An elementwise op of two, of which one may be a number."""
    def op(s, a, b):
        given = a if b is None else b
        number = [given.new_tensor(s[side]) for side in s]
        return [function(*(number if a is None else [a]), *(number if b is None else [b]))]
    return op


def unary(function):
    return lambda s, x: [function(x, **s)]


def reduction(function):
    axes = {"all": (0, 1, 2, 3), "spatial": (1, 2), "positions": (0, 1, 2), "channels": (3,), "images": (0,)}
    return lambda s, x: [function(x, axes[s["over"]], keepdim=True)]


OPS = {f.__name__: f for f in (conv, batch_norm, batch_norm_statistics, fold_norm, group_norm, max_pool, linear,
                               softmax_cross_entropy, sigmoid_cross_entropy, mean_squared_error, smooth_l1, sgd,
                               adam, lars, avg_pool, upsample, concat, prepare, subsample, stem_filter)}
OPS |= {name: reduction(getattr(torch, name)) for name in ("sum", "mean")}
OPS |= {name: binary(getattr(torch, name)) for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum")}
OPS |= {name: unary(getattr(torch, name)) for name in ("exp", "log", "sqrt", "abs", "relu", "sigmoid", "tanh")} | {
    "negate": unary(torch.negative), "silu": unary(F.silu), "hard_swish": unary(F.hardswish), "power": unary(torch.pow),
    "leaky_relu": unary(lambda x, slope: F.leaky_relu(x, slope)),
    "clamp": unary(lambda x, low=None, high=None: torch.clamp(x, low, high))}


def sample(t):
    values = t.detach().float().cpu().contiguous().numpy().reshape(-1)
    every = -(-values.size // MOST_ELEMENTS)
    return numpy.ascontiguousarray(values[::max(every, 1)])


def op_values(cases, device):
    values = {}
    for case in cases:
        inputs = [case_input(case, i, device) for i in range(len(case["inputs"]))]
        results = OPS[case["op"]](case["settings"], *inputs)
        for i, result in enumerate(results):
            values[f"{case['name']}/result{i}"] = sample(result)
        if not results[0].requires_grad:
            continue
        directions = [torch.from_numpy(random_numbers(f"{case['name']}/d_out{i}", r.numel(), -1, 1))
                      .reshape(r.shape).to(device, r.dtype) for i, r in enumerate(results)]
        of = [(r, d) for r, d in zip(results, directions) if r.requires_grad]
        torch.autograd.backward(*zip(*of))
        for i, tensor in enumerate(inputs):
            if tensor is not None and tensor.grad is not None:
                values[f"{case['name']}/d_in{i}"] = sample(tensor.grad)
    return values


class LeNet(torch.nn.Module):
    """The model of dlfs/models/lenet.cpp, with weights from the formula: uniform, deviation sqrt(2 / fan in)."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 20, 5)
        self.conv2 = torch.nn.Conv2d(20, 50, 5)
        self.fc1 = torch.nn.Linear(800, 500)
        self.fc2 = torch.nn.Linear(500, 10)
        with torch.no_grad():
            for name, p in self.named_parameters():
                bound = math.sqrt(6 / math.prod(p.shape[1:])) if p.dim() > 1 else 0.1
                p.copy_(torch.from_numpy(random_numbers("lenet/" + name, p.numel(), -bound, bound)).reshape(p.shape))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def ten_steps(model, name, shape, rate, device, dtype):
    """Ten steps, momentum 0.9: the model after them, and the loss of each. Shape: of a batch."""
    model = model.to(device, dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    losses = []
    for step in range(10):
        images = torch.from_numpy(random_numbers(f"{name}/images{step}", math.prod(shape), -1, 2)).reshape(shape)
        labels = numpy.floor(random_numbers(f"{name}/labels{step}", shape[0], 0, 1).astype(numpy.float64) * 10)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images.to(device, dtype)), torch.from_numpy(labels.astype(numpy.int64)).to(device))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, numpy.array(losses, numpy.float32)


def lenet_values(device):
    shape = (64, 1, 28, 28)
    with torch.backends.cudnn.flags(enabled=False):
        model, losses = ten_steps(LeNet(), "lenet", shape, 0.01, device, torch.float32)
    values = {name: sample(p) for name, p in model.named_parameters()}
    return values | {"losses": losses, "losses_f64": ten_steps(LeNet(), "lenet", shape, 0.01, device, torch.float64)[1]}


def resnet(name, classes):
    """torchvision's, with weights and statistics from the formula; resnet_test.cpp has the same bounds."""
    import torchvision
    model = getattr(torchvision.models, name)(num_classes=classes)
    for key, t in model.state_dict().items():
        if t.dim() == 0:  # num_batches_tracked
            continue
        low, high = {"running_var": (1, 4), "weight": (0.5, 1.5)}.get(key.split(".")[-1], (-0.5, 0.5))
        if t.dim() > 1:
            high = math.sqrt(6 / math.prod(t.shape[1:]))
            low = -high
        t.copy_(torch.from_numpy(random_numbers(f"{name}/{key}", t.numel(), low, high)).reshape(t.shape))
    return model


def resnet_values(device):
    values = {}
    images = torch.from_numpy(random_numbers("resnet/images", 2 * 3 * 224 * 224, -1, 2)).reshape(2, 3, 224, 224)
    with torch.backends.cudnn.flags(enabled=False):
        for name in ("resnet18", "resnet50"):
            for kind, dtype in (("", torch.float32), ("_f64", torch.float64)):
                model = resnet(name, 1000).to(device, dtype).eval()
                with torch.no_grad():
                    values[f"{name}/logits{kind}"] = sample(model(images.to(device, dtype)))
        shape = (8, 3, 64, 64)
        for kind, dtype in (("", torch.float32), ("_f64", torch.float64)):
            model, values["losses" + kind] = ten_steps(resnet("resnet18", 10), "resnet18", shape, 0.001, device, dtype)
            for key, t in model.state_dict().items():
                if key in ("conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight", "layer4.1.bn2.weight",
                           "layer4.1.bn2.running_var", "fc.weight"):
                    values[key + kind] = sample(t)
    return values


def write(path, values, device):
    """A safetensors file, written with the standard library so that nothing else is needed."""
    metadata = {"magic": "dlfs-golden", "version": VERSION, "command": "./dev golden", "torch": torch.__version__,
                "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
                "cudnn": str(torch.backends.cudnn.version())}
    header, offset = {"__metadata__": metadata}, 0
    for name in sorted(values):
        size = values[name].nbytes
        header[name] = {"dtype": "F32", "shape": [values[name].size], "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(values):
            file.write(values[name].tobytes())
    print(f"wrote {path}: {len(values)} tensors, {path.stat().st_size:,} bytes")


def list_cases():
    root = pathlib.Path(__file__).resolve().parent.parent
    for program in (root / "build/release/dlfs_tests", root / "build/bundle/dlfs_tests"):
        try:
            made = subprocess.run([program, "--list-cases"], capture_output=True, check=True, text=True)
            return json.loads(made.stdout)
        except (OSError, subprocess.CalledProcessError):
            continue
    sys.exit("golden.py: neither build/release nor build/bundle has a dlfs_tests that runs; build it first")


def main():
    words = [w for w in sys.argv[1:] if w != "--cpu"]
    if len(words) > 1 or (words and words[0].startswith("-")):
        sys.exit(__doc__)
    if not torch.cuda.is_available() and "--cpu" not in sys.argv:
        sys.exit("golden.py: PyTorch sees no GPU here; golden values are made on a machine with one (or --cpu, for a look)")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    folder = pathlib.Path(words[0] if words else pathlib.Path(__file__).parent.parent / "dlfs/testing/golden")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ops").mkdir(exist_ok=True)
    values = op_values(list_cases(), device)
    for op in sorted({name.split("/")[0] for name in values}):
        write(folder / "ops" / f"{op}.safetensors", {n: v for n, v in values.items() if n.startswith(op + "/")}, device)
    write(folder / "lenet.safetensors", lenet_values(device), device)
    write(folder / "resnet.safetensors", resnet_values(device), device)


if __name__ == "__main__":
    main()
