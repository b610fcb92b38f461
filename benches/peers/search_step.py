"""The four updates of AdversarialNAS's search under PyTorch, as the published program makes them: every candidate of
every edge is computed and the results are added, and every backward pass computes the gradients of all parameters of
the networks it went through.

    python search_step.py --rounds 5                     seconds of each update, peak memory
    python search_step.py --check GENERATOR DISCRIMINATOR    the same networks? against files of the reference program
                                                             (safetensors with `state.*`, `in.*` and `out.*`)
"""

import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F

NORMAL = ["none", "skip", "conv1", "conv3", "conv5", "dil3", "dil5"]
KERNELS = {"conv1": (1, 1), "conv3": (3, 1), "conv5": (5, 1), "dil3": (3, 2), "dil5": (5, 2)}


class Net:
    """Named tensors, made when they are first asked for."""

    def __init__(self, latent=120, spectral=False, state=None, gumbel=True, tau=5.0):
        self.p, self.spectral, self.latent, self.gumbel, self.tau = state or {}, spectral, latent, gumbel, tau

    def get(self, name, shape, fan_in=None, trained=True):
        if name not in self.p:
            bound = (fan_in or 1) ** -0.5
            t = torch.empty(shape).uniform_(-bound, bound) if trained else F.normalize(torch.randn(shape), dim=0)
            self.p[name] = t.requires_grad_(trained)
        return self.p[name]

    def weight(self, name, shape):
        fan_in = torch.Size(shape[1:]).numel()
        if not self.spectral:
            return self.get(name + ".weight", shape, fan_in)
        w = self.get(name + ".weight_orig", shape, fan_in)
        flat, u = w.flatten(1), self.get(name + ".weight_u", shape[:1], trained=False)
        with torch.no_grad():
            v = F.normalize(flat.t() @ u, dim=0)
            u.copy_(F.normalize(flat @ v, dim=0))
        # A copy, because the next pass changes u before this one's backward pass may have been made.
        return w / (u.clone() @ flat @ v)

    def conv(self, name, x, out, k=1, **how):
        shape = (out, x.shape[1], k, k)
        bias = self.get(name + ".bias", (out,), shape[1] * k * k)
        return F.conv2d(x, self.weight(name, shape), bias, **how)

    def mix(self, logits):
        soft = F.softmax(logits, dim=-1)
        if not self.gumbel:
            return soft
        noise = -torch.log(-torch.log(torch.rand_like(soft)))
        return F.softmax((soft + noise) / self.tau, dim=-1)

    def convolution(self, name, kind, x, width, relu=True, stride=1):
        k, dilation = KERNELS[kind]
        module = "dilconv" if dilation == 2 else "conv"
        how = dict(padding=dilation * (k - 1) // 2, dilation=dilation, stride=stride)
        return self.conv(f"{name}.{module}", F.relu(x) if relu else x, width, k, **how)

    def edge(self, name, weights, x, width):
        total = 0
        for i, kind in enumerate(NORMAL):
            if kind == "none":
                y = x.mul(0)
            elif kind == "skip":
                y = x
            else:
                y = self.convolution(f"{name}.ops.{i}", kind, x, width)
            total = total + weights[i] * y
        return total

    def weights_and_logits(self):
        trained = [(n, t) for n, t in self.p.items() if t.requires_grad]
        return [t for n, t in trained if not n.startswith("alphas")], [t for n, t in trained if n.startswith("alphas")]


def up(net, name, weights, x, width):
    def interpolated(i, **how):
        return net.conv(f"{name}.ups.{i}.c.1", F.relu(F.interpolate(x, scale_factor=2, **how)), width)

    spread = net.get(f"{name}.ups.2.convT.1.weight", (width, 1, 3, 3), 9)
    y = F.conv_transpose2d(F.relu(x), spread, stride=2, padding=1, output_padding=1, groups=width)
    y = F.conv2d(y, net.get(f"{name}.ups.2.convT.2.weight", (width, width, 1, 1), width))
    bilinear = interpolated(1, mode="bilinear", align_corners=False)
    return weights[0] * interpolated(0, mode="nearest") + weights[1] * bilinear + weights[2] * y


def generator(net, z, width, training=True):
    normal = net.mix(net.get("alphas_normal", (3, 5, 7), 1e6))
    ups = net.mix(net.get("alphas_up", (3, 2, 3), 1e6))
    part = net.latent // 3
    inputs = []
    for i in range(3):
        side = 4 << i
        outputs = width * side * side
        w, b = net.get(f"l{i + 1}.weight", (outputs, part), part), net.get(f"l{i + 1}.bias", (outputs,), part)
        inputs.append(F.linear(z[:, i * part : (i + 1) * part], w, b).view(-1, width, side, side))
    h, skips = inputs[0], []
    for cell in range(3):
        name, w = f"cell{cell + 1}", normal[cell]
        x = h if cell == 0 else h + inputs[cell]
        a, b = (up(net, f"{name}.up{i}", ups[cell, i], x, width) for i in range(2))
        middle = net.edge(f"{name}.c0", w[0], a, width) + net.edge(f"{name}.c1", w[1], b, width)
        for k, skip in enumerate(skips):
            how = dict(mode="nearest") if cell == 2 else dict(mode="bilinear", align_corners=False)
            middle = middle + net.conv(f"{name}.skip_in_ops.{k}", F.interpolate(skip, size=a.shape[2:], **how), width)
        skips.append(middle)
        h = sum(net.edge(f"{name}.c{i}", w[i], x, width) for i, x in ((2, a), (3, b), (4, middle)))
    gamma, beta = net.get("to_rgb.0.weight", (width,)), net.get("to_rgb.0.bias", (width,))
    if "to_rgb.0.running_mean" not in net.p:
        net.p["to_rgb.0.running_mean"], net.p["to_rgb.0.running_var"] = torch.zeros(width), torch.ones(width)
    running = net.p["to_rgb.0.running_mean"], net.p["to_rgb.0.running_var"]
    h = F.batch_norm(h, *running, gamma, beta, training, 0.1, 1e-5)
    return torch.tanh(net.conv("to_rgb.2", F.relu(h), 3, 3, padding=1))


def down(net, name, weights, x, width):
    total = weights[0] * F.avg_pool2d(x, 2) + weights[1] * F.max_pool2d(x, 2)
    for i, kind in enumerate(["conv3", "conv5", "dil3", "dil5"], 2):
        total = total + weights[i] * net.convolution(f"{name}.ops.{i}", kind, x, width, stride=2)
    return total


def discriminator(net, x, width):
    normal = net.mix(net.get("alphas_normal", (4, 5, 7), 1e6))
    downs = net.mix(net.get("alphas_down", (4, 2, 6), 1e6))
    h = x
    for cell in range(4):
        name, w = f"block{cell + 1}", normal[cell]

        def first(i, x):
            if cell > 0:
                return net.edge(f"{name}.c{i}", w[i], x, width)
            # The edges that read the image: five candidates, no activation.
            candidates = enumerate(NORMAL[2:])
            return sum(
                w[i, k] * net.convolution(f"{name}.c{i}.ops.{k}", kind, x, width, relu=False) for k, kind in candidates
            )

        p = first(0, h)
        q = first(1, h) + net.edge(f"{name}.c3", w[3], p, width)
        r = first(2, h) + net.edge(f"{name}.c4", w[4], p, width)
        h = down(net, f"{name}.down0", downs[cell, 0], q, width) + down(net, f"{name}.down1", downs[cell, 1], r, width)
    return F.linear(F.relu(h).sum(dim=(2, 3)), net.weight("l5", (1, width)))


def check(paths):
    from safetensors.torch import load_file

    for path, spectral in zip(paths, (False, True)):
        arrays = load_file(path)
        state = {name[6:]: t for name, t in arrays.items() if name.startswith("state.")}
        net = Net(spectral=spectral, state=state, gumbel=False)
        with torch.no_grad():
            if spectral:
                got, want = discriminator(net, arrays["in.x"], 8), arrays["out.logits"]
            else:
                got, want = generator(net, arrays["in.z"], 8), arrays["out.train"]
        print(f"{path}: largest difference {(got - want).abs().max():.1e} of {want.abs().max():.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", nargs=2, metavar=("GENERATOR", "DISCRIMINATOR"))
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--disc-width", type=int, default=80)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()
    if args.check:
        return check(args.check)
    torch.manual_seed(1)
    g, d = Net(), Net(spectral=True)
    half = args.batch // 2
    layout = torch.channels_last if args.channels_last else torch.contiguous_format

    def fakes(n):
        return generator(g, torch.randn(n, g.latent), args.width)

    def d_loss():
        real = (torch.rand(half, 3, 32, 32) * 2 - 1).to(memory_format=layout)
        real, fake = discriminator(d, real, args.disc_width), discriminator(d, fakes(half).detach(), args.disc_width)
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def g_loss():
        return -discriminator(d, fakes(args.batch), args.disc_width).mean()

    with torch.no_grad():
        # Makes every tensor.
        discriminator(d, fakes(2), args.disc_width)
    for net in (g, d):
        for t in net.p.values():
            if t.dim() == 4:
                t.data = t.data.to(memory_format=layout)
    weights = [torch.optim.Adam(net.weights_and_logits()[0], 2e-4, (0.0, 0.9)) for net in (g, d)]
    logits = [
        torch.optim.Adam(net.weights_and_logits()[1], 3e-4, (0.5, 0.999), weight_decay=1e-4) for net in (g, d)
    ]
    updates = {
        "d_arch": (d_loss, logits[1]),
        "d_weight": (d_loss, weights[1]),
        "g_arch": (g_loss, logits[0]),
        "g_weight": (g_loss, weights[0]),
    }
    took = {name: [] for name in updates}
    for _ in range(args.rounds + 1):
        for name, (loss, adam) in updates.items():
            began = time.perf_counter()
            adam.zero_grad()
            loss().backward()
            adam.step()
            took[name].append(time.perf_counter() - began)
    # The first round warms up.
    seconds = {name: round(statistics.median(times[1:]), 3) for name, times in took.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mbytes": round(memory), "threads": torch.get_num_threads()}))


main()
