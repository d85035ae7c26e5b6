"""What is trained: networks, their optimisers, and how far they have come."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatialgan.config import RunConfig
from spatialgan.devices import move_to
from spatialgan.networks.discriminators import Discriminator, make_discriminator
from spatialgan.networks.generator import Generator
from spatialgan.streams import stream_seed
from spatialgan.training.aids.places import PlaceHead
from spatialgan.training.aids.reconstruction import reconstruction_optimizer
from spatialgan.training.distributed import Workers
from spatialgan.vision.efficientnet_lite import EfficientNetLite
from spatialgan.vision.perceptual import comparison_network


@dataclass
class Trainee:
    """All that a step changes."""

    config: RunConfig
    generator: Generator
    discriminator: Discriminator
    ema: Generator
    g_optimizer: torch.optim.Optimizer
    d_optimizer: torch.optim.Optimizer
    path_mean: Tensor
    """Running mean of path lengths, a scalar."""
    r_optimizer: torch.optim.Optimizer | None = None
    """Of G while it only reconstructs; None where it never does so, or no longer."""
    comparison: EfficientNetLite | None = None
    """Compares pictures with their reconstructions; None where there are none, or no longer."""
    places: PlaceHead | None = None
    """Sees where things are in real pictures and in G's; None where nobody asks it."""
    num_images_seen: int = 0
    workers: Workers = Workers()  # noqa: RUF009 (frozen)

    @property
    def batch_size(self) -> int:
        """Of this process."""
        return self.config.train.batch_size // self.workers.count

    @property
    def micro_batch(self) -> int:
        """Images per forward pass."""
        return self.config.train.micro_batch or self.batch_size

    @property
    def device(self) -> torch.device:
        return self.path_mean.device

    @property
    def tensors(self) -> list[Tensor]:
        """All weights and running values of the networks, and the running mean of path lengths."""
        networks = [self.generator, self.discriminator, self.ema, *([self.places] if self.places else [])]
        return [*(v for n in networks for v in n.state_dict().values()), self.path_mean]

    @property
    def d_parameters(self) -> list[nn.Parameter]:
        """Of the discriminator, and of the head that sees places."""
        return self.d_optimizer.param_groups[0]["params"]


def make_trainee(config: RunConfig, device: torch.device) -> Trainee:
    """Networks with weights drawn from ``train.seed``, and their optimisers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(config.train.seed, "weights"))
        generator = Generator(config.model).float()
        discriminator = make_discriminator(config.model).float()
        places = PlaceHead().float() if config.aids.place_weight > 0 else None
    move_to(generator, device)
    move_to(discriminator, device)
    if places is not None:
        move_to(places, device)
    ema = copy.deepcopy(generator).eval().requires_grad_(False)
    loss, c = config.loss, config.train
    return Trainee(
        config,
        generator,
        discriminator,
        ema,
        _adam(
            list(generator.parameters()),
            c.g_lr,
            (c.beta1, c.g_beta2 or c.beta2),
            loss.path_length_interval if loss.path_length_weight else 0,
        ),
        _adam(
            [p for network in (discriminator, places) if network for p in network.parameters() if p.requires_grad],
            c.d_lr,
            (c.beta1, c.beta2),
            loss.r1_interval if loss.r1_gamma else 0,
        ),
        torch.zeros((), device=device, dtype=torch.float32),
        reconstruction_optimizer(generator, config.train.beta2) if config.aids.reconstruct_kimg > 0 else None,
        comparison_network(device) if config.aids.reconstruct_kimg > 0 else None,
        places,
    )


def _adam(
    parameters: list[nn.Parameter], lr: float, betas: tuple[float, float], lazy_interval: int
) -> torch.optim.Adam:
    """Adam; lazy regularisation has more steps, and rates shrink to match (Karras et al., 2020, Appendix B)."""
    share = lazy_interval / (lazy_interval + 1) if lazy_interval else 1.0
    betas = (betas[0] ** share, betas[1] ** share)
    return torch.optim.Adam(parameters, lr=lr * share, betas=betas, eps=1e-8, fused=True)
