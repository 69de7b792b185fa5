"""The dense engine against the same network written as plain dilated convolutions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from benchmarks.scan_engines import Reader

from tiny import columns, network, random_tokens, tiny
from vqrna.nn.dense import dense_network
from vqrna.nn.encoder import POOL_KERNEL, TOKEN_STRIDE, ValidEncoder
from vqrna.sequence import AMBIGUOUS


def dilated_latents(encoder: ValidEncoder, one_hot: torch.Tensor) -> torch.Tensor:
    """Latents at every position, every stride a dilation: (N, 4, L) -> (N, L - 22, D)."""
    x = F.max_pool1d(encoder.stem(one_hot), POOL_KERNEL, stride=1)  # (N, C, L - 10)
    x = torch.relu(encoder.stem_norm(x))
    x = F.conv1d(x, encoder.mix.weight, dilation=TOKEN_STRIDE)  # (N, W, L - 22)
    return encoder.project(torch.relu(encoder.mix_norm(x))).transpose(1, 2)


@pytest.mark.parametrize("length", [51, 101, 501])
@torch.inference_mode()
def test_the_engine_agrees_with_dilated_convolutions(length):
    one = network(tiny(length=length, codebook_size=64), 11, length, torch.float64)
    sequence = random_tokens(1, 3000, seed=length, ambiguous=0.02)
    sequence = np.pad(sequence, ((0, 0), (length // 2,) * 2), constant_values=AMBIGUOUS)
    codes = one.quantizer.assign(dilated_latents(one.encoder, columns(sequence, torch.float64)))
    vectors = one.quantizer.lookup(codes).transpose(1, 2)  # (1, D, T)
    expected = Reader(one).eval()(vectors)[0].T  # (3000, M)
    output = dense_network(one)(torch.from_numpy(sequence))
    assert output.codes.equal(codes)
    assert (output.logits[0] - expected).abs().max() < 1e-9
