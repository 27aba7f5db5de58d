#!/usr/bin/env python3
"""What ResNet-20 learns on a GPU, in means of several seeds: Fashion-MNIST in f32, f16 and bf16, and CIFAR-10 from JPEG files
beside PyTorch (peers/resnet20.py) with the same recipe.

    resnet20_seeds.py [DLFS] [--fashion FOLDER] [--cifar FOLDER] [--epochs 20] [--cifar-epochs 60] [--at-once 2]

FOLDER of CIFAR-10 holds {train,test}/CLASS/*. What has no folder is left out. Several runs share the card: their speeds say
nothing. Exit 1 where a mean is below 93.5 % or two precisions' means are more than 0.3 points apart (Fashion-MNIST), or
ours is more than 0.5 points from PyTorch's (CIFAR-10).
"""
import argparse
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECIPE = "--batch 128 --lr 0.1 --weight-decay 0.0005 --nesterov --warmup 1 --threads 2 --device gpu:0".split()


def words():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dlfs", nargs="?", default=str(HERE.parent / "build/release/dlfs"))
    parser.add_argument("--fashion")
    parser.add_argument("--cifar")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--cifar-epochs", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=2)
    return parser.parse_args()


def output(command):
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr.strip()[-500:]}")
    return run.stdout


def trained(asked, run, data, epochs, precision, seed, crop):
    output([asked.dlfs, "train", "resnet20", "--data", data, *RECIPE, "--epochs", str(epochs), "--precision", precision, "--seed", str(seed),
            "--augment", f"flip,crop={crop}", "--run", str(run)])
    return json.loads((run / "result.json").read_text())["test_accuracy"]


def of_peer(folder, epochs, seed):
    text = output([sys.executable, "-W", "ignore", str(HERE / "peers/resnet20.py"), folder, "--epochs", str(epochs), "--seeds", str(seed)])
    return json.loads(text.splitlines()[-1])["mean"]


def main():
    asked = words()
    with tempfile.TemporaryDirectory() as made, concurrent.futures.ThreadPoolExecutor(asked.at_once) as pool:
        work, runs = pathlib.Path(made), {}
        if asked.cifar:
            output([asked.dlfs, "import", "folders", asked.cifar, "--db", str(work / "cifar.db")])
            for seed in (1, 2, 3):
                runs["CIFAR-10, PyTorch f16", seed] = pool.submit(of_peer, asked.cifar, asked.cifar_epochs, seed)
                runs["CIFAR-10, dlfs f16", seed] = pool.submit(trained, asked, work / f"cifar-{seed}", str(work / "cifar.db"),
                                                                 asked.cifar_epochs, "f16", seed, 4)
        for seed in (1, 2, 3, 4, 5) if asked.fashion else ():
            for precision in ("f32", "f16", "bf16"):
                runs[f"Fashion-MNIST, dlfs {precision}", seed] = pool.submit(
                    trained, asked, work / f"fashion-{precision}-{seed}", f"idx:{asked.fashion}", asked.epochs, precision, seed, 2)
        accuracies = {}
        for (name, seed), run in runs.items():
            accuracies.setdefault(name, []).append(run.result())
            print(f"{name}, seed {seed}: {run.result():.4f}", file=sys.stderr, flush=True)
    means = {name: statistics.mean(values) for name, values in accuracies.items()}
    for name, values in accuracies.items():
        print(f"{name:<26}{means[name]:.4f}   {' '.join(f'{value:.4f}' for value in values)}")
    fashion, cifar = ([mean for name, mean in means.items() if name.startswith(data)] for data in ("Fashion", "CIFAR"))
    good = all(mean >= 0.935 for mean in fashion)
    for group, apart in ((fashion, 0.003), (cifar, 0.005)):
        good &= not group or max(group) - min(group) <= apart
    print("as asked" if good else "NOT as asked")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
