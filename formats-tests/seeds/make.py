"""Makes the seed files beside it with NumPy and PyTorch: python3 make.py (any recent versions)."""

import collections
import pathlib

import numpy as np
import torch

here = pathlib.Path(__file__).parent
base = torch.arange(6, dtype=torch.float32).reshape(2, 3)
state = collections.OrderedDict(
    [
        ("conv.weight", base.clone()),
        ("parameter", torch.nn.Parameter(torch.tensor([1.5, -2.5]))),
        ("double", torch.tensor([0.1, 1e-30], dtype=torch.float64)),
        ("half", torch.tensor([0.5, -65504.0, 2.0**-24], dtype=torch.float16)),
        ("bfloat", torch.tensor([1.0, -3.0], dtype=torch.bfloat16)),
        ("counter", torch.tensor(7)),
        ("bytes", torch.tensor([[0], [255]], dtype=torch.uint8)),
        ("truth", torch.tensor([True, False])),
        ("empty", torch.zeros(0, 4)),
    ]
)
# As the state of a module has it.
state._metadata = collections.OrderedDict([("", {"version": 1})])
checkpoint = {
    "epoch": 3,
    "best": 12.5,
    "name": "a checkpoint",
    "net": state,
    "views": {"transposed": base.t(), "row": base[1], "columns": base[:, ::2]},
    "optimiser": {"state": {0: {"step": 5, "exp_avg": torch.tensor([0.25, 0.5])}}, "param_groups": [{"lr": 2e-4, "params": [0]}]},
}
torch.save(checkpoint, here / "state.pth")
torch.save(checkpoint, here / "legacy.pth", _use_new_zipfile_serialization=False)

mu, sigma = np.array([0.5, -1.0]), np.array([[2.0, 0.25], [0.25, 1.0]])
np.savez(here / "stored.npz", mu=mu, sigma=sigma)
np.savez_compressed(here / "deflated.npz", mu=mu, sigma=sigma)
np.save(here / "single.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
np.save(here / "fortran.npy", np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)))
np.save(here / "counts.npy", np.array([[1, -2], [3, 2**40]], dtype=">i8"))
np.save(here / "halves.npy", np.array([0.5, -65504.0], dtype=np.float16))
np.save(here / "truth.npy", np.array([[True], [False]]))
np.save(here / "scalar.npy", np.float64(0.1))
np.savez_compressed(here / "image.npz", image=np.zeros((1, 16, 16, 3), dtype=np.uint8), label=np.int64(3))
torch.save(base.t(), here / "bare.pth")
