import copy

import torch
from torch import nn

from spatialgan.networks.digest import weights_digest


def test_equal_weights_have_equal_digests_and_others_another():
    network = nn.Linear(2, 2)
    digest = weights_digest(network)
    assert weights_digest(copy.deepcopy(network)) == digest and len(digest) == 64
    with torch.no_grad():
        network.bias[1] += 1e-6
    assert weights_digest(network) != digest
