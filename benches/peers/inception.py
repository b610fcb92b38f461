"""Images per second of Inception-v3 in PyTorch on the CPU, random weights, batch 32: the better of both memory layouts.

Used by scripts/compare-inception, which runs it in turn with this crate. Needs torch and torchvision.
"""

import statistics
import sys
import time

import torch
import torchvision

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
net = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, init_weights=False).eval()
images = torch.randint(0, 256, (32, 3, 32, 32)).float()
best = 0.0
with torch.inference_mode():
    for layout in (torch.contiguous_format, torch.channels_last):
        model = net.to(memory_format=layout)
        rates = []
        for i in range(rounds + 1):
            start = time.perf_counter()
            x = torch.nn.functional.interpolate(images, size=(299, 299), mode="bilinear", align_corners=False)
            model((x / 127.5 - 1).contiguous(memory_format=layout))
            if i > 0:
                rates.append(32 / (time.perf_counter() - start))
        best = max(best, statistics.median(rates))
print(f"{best:.2f}")
