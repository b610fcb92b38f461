"""A training step of `ganas train` under PyTorch, from a checkpoint that `ganas convert` wrote.

    ganas convert RUN checkpoint.pth
    python train_step.py checkpoint.pth --check latents.safetensors images.safetensors    same pictures?
    python train_step.py checkpoint.pth --batch 40 --gen-batch 80 --iterations 10         images a second, peak memory

Knows the architecture that AdversarialNAS published and AutoGAN's discriminator, in the form for 32x32 pictures.
"""

import argparse
import resource
import time

import torch
import torch.nn.functional as F

GENES = [[1, 1, 1, 0, 3, 3, 1], [1, 1, 0, 1, 3, 3, 3], [0, 1, 0, 3, 3, 0, 3]]


def conv(p, name, x, **how):
    return F.conv2d(x, p[name + ".weight"], p.get(name + ".bias"), **how)


def generator(p, z, training):
    channels = p["to_rgb.2.weight"].shape[1]
    part = p["l1.weight"].shape[1]
    side = int((p["l1.weight"].shape[0] / channels) ** 0.5)
    inputs = [
        F.linear(z[:, i * part : (i + 1) * part], p[f"l{i + 1}.weight"], p[f"l{i + 1}.bias"]).view(
            -1, channels, side << i, side << i
        )
        for i in range(3)
    ]
    h, skips = inputs[0], []
    for cell, genes in enumerate(GENES):
        name = f"cell{cell + 1}"
        x = h if cell == 0 else h + inputs[cell]

        def up(edge):
            how = dict(mode="nearest") if genes[edge] == 0 else dict(mode="bilinear", align_corners=False)
            return conv(p, f"{name}.up{edge}.ups.0.c.1", F.relu(F.interpolate(x, scale_factor=2, **how)))

        def edge(g, x):
            if genes[g] == 0:
                return 0
            return x if genes[g] == 1 else conv(p, f"{name}.c{g - 2}.ops.0.conv", F.relu(x), padding=1)

        a, b = up(0), up(1)
        middle = edge(2, a) + edge(3, b)
        for k, skip in enumerate(skips):
            how = dict(mode="nearest") if cell == 2 else dict(mode="bilinear", align_corners=False)
            middle = middle + conv(p, f"{name}.skip_in_ops.{k}", F.interpolate(skip, size=a.shape[2:], **how))
        skips.append(middle)
        h = edge(4, a) + edge(5, b) + edge(6, middle)
    statistics = (p["to_rgb.0.running_mean"], p["to_rgb.0.running_var"])
    h = F.batch_norm(h, *statistics, p["to_rgb.0.weight"], p["to_rgb.0.bias"], training, 0.1, 1e-5)
    return torch.tanh(conv(p, "to_rgb.2", F.relu(h), padding=1))


def normalised(p, name):
    """The weight over its largest singular value, by one power iteration."""
    w = p[name + ".weight_orig"]
    flat = w.flatten(1)
    with torch.no_grad():
        v = F.normalize(flat.t() @ p[name + ".weight_u"], dim=0)
        u = F.normalize(flat @ v, dim=0)
        p[name + ".weight_u"].copy_(u)
        p[name + ".weight_v"].copy_(v)
    return w / (u @ flat @ v)


def discriminator(p, x):
    def c(name, x, padding):
        return F.conv2d(x, normalised(p, name), p[name + ".bias"], padding=padding)

    h = x
    for i in range(1, 5):
        name = f"block{i}"
        r = c(name + ".c1", h if i == 1 else F.relu(h), 1)
        r = c(name + ".c2", F.relu(r), 1)
        if i == 1:
            h = F.avg_pool2d(r, 2) + c(name + ".c_sc", F.avg_pool2d(h, 2), 0)
        elif i == 2:
            h = F.avg_pool2d(r + c(name + ".c_sc", h, 0), 2)
        else:
            h = r + h
    return F.linear(F.relu(h).sum(dim=(2, 3)), normalised(p, "l5"))


def trained(p):
    names = [n for n in p if n.endswith((".weight", ".bias", ".weight_orig")) and ".op." not in n]
    for n in names:
        p[n].requires_grad_(True)
    return [p[n] for n in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--check", nargs=2, metavar=("LATENTS", "IMAGES"))
    parser.add_argument("--batch", type=int, default=40)
    parser.add_argument("--gen-batch", type=int, default=80)
    parser.add_argument("--n-critic", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=10)
    args = parser.parse_args()
    file = torch.load(args.checkpoint, weights_only=True)
    g, d = file["gen_state_dict"], file["dis_state_dict"]
    if args.check:
        from safetensors.torch import load_file

        z, want = load_file(args.check[0])["latents"], load_file(args.check[1])["images"]
        with torch.no_grad():
            got = generator(file["avg_gen_state_dict"], z, False)
        print(f"largest difference {(got - want).abs().max():.1e} of {want.abs().max():.2f}")
        return
    g_adam = torch.optim.Adam(trained(g), 2e-4, (0.0, 0.9))
    d_adam = torch.optim.Adam(trained(d), 2e-4, (0.0, 0.9))
    latent = 3 * g["l1.weight"].shape[1]
    took = []
    for step in range(args.iterations):
        began = time.time()
        real = torch.rand(args.batch, 3, 32, 32) * 2 - 1
        fake = generator(g, torch.randn(args.batch, latent), True).detach()
        loss = F.relu(1 - discriminator(d, real)).mean() + F.relu(1 + discriminator(d, fake)).mean()
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()
        if step % args.n_critic == 0:
            loss = -discriminator(d, generator(g, torch.randn(args.gen_batch, latent), True)).mean()
            g_adam.zero_grad()
            loss.backward()
            g_adam.step()
        took.append(time.time() - began)
    # Whole rounds of n_critic steps behind the first one, which warms up.
    took = took[args.n_critic :]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(took) * args.batch / sum(took):.2f} real images/s, peak memory {memory:.0f} MB, {torch.get_num_threads()} threads")


main()
