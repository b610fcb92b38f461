"""Convolutions under PyTorch on the CPU, in the better of its two layouts: one JSON object a size.

    python conv2d.py [--rounds 5] [--kernels 3,5] [--sides 8,16,32] [--channels 32,64,128,160,256] [--batch 16]

`forward` and `gradients` (those of image and weights) are in milliseconds, each the median of the rounds.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F


def median_ms(call, rounds):
    call()
    began = time.perf_counter()
    call()
    times = max(1, int(0.02 / (time.perf_counter() - began + 1e-9)))
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(times):
            call()
        took.append((time.perf_counter() - began) / times)
    return statistics.median(took) * 1e3


def measure(k, side, c, batch, rounds):
    best = {"forward": float("inf"), "gradients": float("inf")}
    for layout in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(batch, c, side, side).to(memory_format=layout).requires_grad_()
        w = torch.randn(c, c, k, k).to(memory_format=layout).requires_grad_()
        gy = torch.randn(batch, c, side, side).to(memory_format=layout)

        def forward():
            with torch.no_grad():
                F.conv2d(x, w, padding=k // 2)

        y = F.conv2d(x, w, padding=k // 2)

        def gradients():
            torch.autograd.grad(y, (x, w), gy, retain_graph=True)

        best["forward"] = min(best["forward"], median_ms(forward, rounds))
        best["gradients"] = min(best["gradients"], median_ms(gradients, rounds))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def numbers(text):
        return [int(n) for n in text.split(",")]

    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--kernels", type=numbers, default=[3, 5])
    parser.add_argument("--sides", type=numbers, default=[8, 16, 32])
    parser.add_argument("--channels", type=numbers, default=[32, 64, 128, 160, 256])
    args = parser.parse_args()
    for k in args.kernels:
        for side in args.sides:
            for c in args.channels:
                row = {"k": k, "shape": f"{args.batch}x{side}x{side}x{c}"}
                row.update(measure(k, side, c, args.batch, args.rounds))
                print(json.dumps(row), flush=True)


main()
