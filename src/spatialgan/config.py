"""Every choice of a model and of a run, as frozen dataclasses.

A field's comment gives its meaning and unit. ``[ours]`` marks a choice where the paper is silent.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from spatialgan.errors import SpatialGANError, require

LEVEL_RESOLUTIONS = (4, 8, 16)  # the generator layers and discriminator features that levels 0, 1, 2 pair with
LEVEL_NUM_CENTERS = (1, 2, 4)  # centres of a single-object layout on levels 0, 1, 2
MAX_THINGS = 8  # that reconstruction looks for in a picture: with more, there is hardly room for their middles
# Far beyond what anyone trains: a file that asks for more is damaged, or means harm.
MODEL_LIMITS = {
    "z_dim": 16384,
    "w_dim": 16384,
    "mapping_layers": 64,
    "channel_base": 1 << 20,
    "channel_max": 16384,
    "num_objects": 256,
    "heatmap_kernel": 63,
    "heatmap_dilation": 64,
    "minibatch_std_group": 1 << 20,
}
AttentionForm = Literal["channel", "sum"]
AttentionSign = Literal["real", "fake"]


@dataclass(frozen=True)
class ModelConfig:
    resolution: int = 256
    """Image width and height in pixels: a power of two from 32 to 1024."""
    image_channels: int = 3
    """3 for colour, 1 for grey pictures."""
    z_dim: int = 512
    """Width of the latent code z."""
    w_dim: int = 512
    """Width of the intermediate latent code w."""
    mapping_layers: int = 8
    """Depth of the mapping network z -> w."""
    channel_base: int = 16384
    """A layer at resolution r has min(channel_base / r, channel_max) channels."""
    channel_max: int = 512
    """Upper limit of channels per layer."""
    layout: Literal["single", "multi"] = "single"
    """single: hierarchical heatmaps of one object; multi: one heatmap per object, the same for all layers."""
    sampling: Literal["hierarchical", "independent", "noise", "release"] = "hierarchical"
    """How single-object layouts are drawn (Table IV), or as the conference release draws its own hierarchical ones
    (``sampling.py``); multi-object layouts have one way only."""
    num_objects: int = 3
    """Sub-heatmaps of a multi-object layout."""
    object_std_min: float = 0.12
    """[ours] Smallest standard deviation of a multi-object sub-heatmap, in image widths."""
    object_std_max: float = 0.28
    """[ours] Largest standard deviation of a multi-object sub-heatmap, in image widths."""
    object_spacing: float = 0.0
    """[ours] Least distance of the centres of a multi-object layout, in sums of the two standard deviations: things do
    not stand in one place. 0, as in the paper: they are independent."""
    encoding: Literal["none", "concat", "norm", "multi", "flatten"] = "norm"
    """How heatmaps enter the generator; none is plain StyleGAN2."""
    processing: Literal["coarse", "fine", "release"] = "coarse"
    """coarse: resize the heatmap to the layer, then convolve; fine (the conference paper): the other way round;
    release: fine, and all levels together go through the release's ``HeatmapStem`` first (with ``encoding=norm``)."""
    encoded_max_resolution: int = 16
    """Blocks up to this resolution have a SEL of concat or norm: a power of two; with ``multi`` all blocks do."""
    styles: Literal["own", "learned"] = "own"
    """own: each object has a style of its own; learned [ours]: the background's at first, so that a plain StyleGAN2 can
    be retrofitted; how far from it, and in which direction all of them, is learned (``training/retrofit.py``; with
    ``multi``)."""
    coordinates_max_resolution: int = 0
    """[ours] Blocks up to this resolution know where in its object each pixel lies
    (``networks/object_coordinates.py``; with ``multi``): a power of two; 0, as in the paper: none do."""
    heatmap_kernel: int = 3
    """Kernel width of the heatmap encoder's convolutions, odd."""
    heatmap_dilation: int = 1
    """Dilation of the heatmap encoder's convolutions."""
    sel_residual_kernel: Literal[1, 3] = 3
    """Kernel width of the residual convolution of SEL_norm; 1 is [ours], for small computers."""
    center_std: float = 1 / 3
    """Standard deviation of level-0 and object centres around the image's middle, in image widths; those outside the
    image are drawn anew. Of no effect on ``sampling=release``."""
    impulse_noise: float = 0.0
    """Share of heatmap pixels replaced by 0 or 1 (Section 4.3), in 0..1."""
    discriminator: Literal["residual", "projected", "combined"] = "residual"
    """residual: StyleGAN2's, as in the paper; projected: heads on frozen ImageNet features, for little compute;
    combined: both, with the residual one's attention."""
    projected_input: Literal[64, 128] = 128
    """Size at which ImageNet features are taken, in pixels: 64 costs a quarter (projected and combined)."""
    minibatch_std_group: int = 8
    """Pictures that share one minibatch-standard-deviation statistic (residual and combined discriminator)."""
    noise_inputs: bool = True
    """StyleGAN2's noise in every layer."""
    noise: Literal["random", "constant"] = "random"
    """random: drawn anew for every picture; constant: one noise for all, which is stored with the weights, as
    StyleGAN2 models that are imported have it (``importing/``)."""

    def __post_init__(self) -> None:
        _require_choices(self, "model")
        r = self.resolution
        require(32 <= r <= 1024 and r & (r - 1) == 0, f"model.resolution is {r}; use a power of two from 32 to 1024")
        require(self.image_channels in (1, 3), f"model.image_channels is {self.image_channels}; use 1 or 3")
        for name, most in MODEL_LIMITS.items():
            require(1 <= getattr(self, name) <= most, f"model.{name} is {getattr(self, name)}; use 1 to {most}")
        require(self.channel_base >= r, f"model.channel_base is {self.channel_base}; use at least the resolution, {r}")
        require(self.heatmap_kernel % 2 == 1, f"model.heatmap_kernel is {self.heatmap_kernel}; use an odd number")
        require(0.001 <= self.center_std <= 10, f"model.center_std is {self.center_std}; use 0.001 to 10")
        require(0 <= self.impulse_noise <= 1, f"model.impulse_noise is {self.impulse_noise}; use 0..1")
        require(
            0 < self.object_std_min <= self.object_std_max,
            "model.object_std_min must be above 0 and at most model.object_std_max",
        )
        require(0 <= self.object_spacing <= 10, f"model.object_spacing is {self.object_spacing}; use 0 to 10")
        require(
            self.encoded_max_resolution >= 4 and self.encoded_max_resolution.bit_count() == 1,
            f"model.encoded_max_resolution is {self.encoded_max_resolution}; use 4, 8, 16, ...",
        )
        c = self.coordinates_max_resolution
        require(
            c == 0 or (c >= 4 and c.bit_count() == 1),
            f"model.coordinates_max_resolution is {c}; use 4, 8, 16, ..., or 0 for none",
        )
        require(c == 0 or self.encoding == "multi", f"model.coordinates_max_resolution={c} needs model.encoding=multi")
        require(
            self.processing != "release" or self.encoding in ("norm", "none"),
            "model.processing=release needs model.encoding=norm",
        )
        require(self.styles == "own" or self.encoding == "multi", "model.styles=learned needs model.encoding=multi")
        if self.encoding == "multi":
            require(self.layout == "multi", "model.encoding=multi needs model.layout=multi")
        if self.layout == "multi":
            require(
                self.sampling == "hierarchical",
                f"model.sampling={self.sampling} is of single-object layouts; leave it at its default",
            )
        if self.discriminator != "residual":
            require(self.image_channels == 3, f"model.discriminator={self.discriminator} needs model.image_channels=3")

    def channels(self, resolution: int) -> int:
        """Feature channels of the layers at ``resolution``."""
        return min(self.channel_base // resolution, self.channel_max)

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """4, 8, ..., resolution."""
        return tuple(2**i for i in range(2, self.resolution.bit_length()))

    @property
    def num_layers(self) -> int:
        """Style-modulated convolutions, ToRGB layers left out: the number of w vectors of one picture less one."""
        return 2 * len(self.block_resolutions) - 1

    @property
    def num_ws(self) -> int:
        """w vectors of one picture: one a layer, and one for the last ToRGB (as in StyleGAN2)."""
        return self.num_layers + 1

    @property
    def num_styles(self) -> int:
        """Style codes of one picture: one, or with ``encoding=multi`` one an object and the background's last."""
        return self.num_objects + 1 if self.encoding == "multi" else 1


@dataclass(frozen=True)
class DataConfig:
    fit: Literal["crop", "pad", "squash"] = "crop"
    """How a picture that is not square becomes so."""
    mirror: bool = False
    """Show each picture flipped left to right half of the time."""
    holdout: int = 0
    """Keep every picture whose index modulo this is 0 out of training; 0 keeps none out."""

    def __post_init__(self) -> None:
        _require_choices(self, "data")
        require(self.holdout == 0 or self.holdout >= 2, f"data.holdout is {self.holdout}; use 0, or 2 and more")


@dataclass(frozen=True)
class LossConfig:
    adversarial: Literal["logistic", "hinge"] = "logistic"
    """logistic: non-saturating, as StyleGAN2; hinge: for the projected discriminator."""
    r1_gamma: float = 1.0
    """Weight of R1; 0.0002 R^2 / batch is the usual start. 0 is off."""
    r1_interval: int = 16
    """D steps from one R1 evaluation to the next (lazy regularisation)."""
    align: Literal["none", "single", "multi"] = "single"
    """Heatmap-attention alignment: Eq. 4 (single) or Eq. 5 (multi)."""
    align_weight: float = 1.0
    """Weight of the alignment loss."""
    align_tau: float = 0.25
    """Distances below this do not count."""
    align_mean: Literal["above", "all"] = "above"
    """Mean of the distances over those above tau (the conference release), or over all, with those below as 0."""
    attention: AttentionForm = "channel"
    """D's attention: GradCAM with the ReLU on each channel (the conference release), or on their sum (the textbook)."""
    attention_sign: AttentionSign = "fake"
    """What attention looks for: what speaks for "fake", as in the conference release, or for "real", as the journal has
    it. From scratch, five of five seeds follow their heatmaps with the first, one of five with the second
    (``benchmarks/steering.py``)."""
    align_levels: tuple[int, ...] = (0, 1, 2)
    """Levels that are aligned: D features of 4x4, 8x8, 16x16."""
    path_length_weight: float = 0.0
    """Weight of path-length regularisation (StyleGAN2: 2); 0 switches it off, as in the paper."""
    path_length_interval: int = 4
    """G steps from one path-length evaluation to the next."""
    style_mixing: float = 0.0
    """Probability that a picture takes its later layers' w from a second z; 0 as in the paper."""

    def __post_init__(self) -> None:
        _require_choices(self, "loss")
        for name in ("r1_gamma", "align_weight", "align_tau", "path_length_weight"):
            require(getattr(self, name) >= 0, f"loss.{name} is {getattr(self, name)}; use 0 or more")
        for name in ("r1_interval", "path_length_interval"):
            require(getattr(self, name) >= 1, f"loss.{name} is {getattr(self, name)}; use 1 or more")
        require(0 <= self.style_mixing <= 1, f"loss.style_mixing is {self.style_mixing}; use 0..1")
        levels = range(len(LEVEL_RESOLUTIONS))
        require(
            len(self.align_levels) > 0
            and set(self.align_levels) <= set(levels)
            and len(set(self.align_levels)) == len(self.align_levels),
            f"loss.align_levels is {list(self.align_levels)}; name some of {list(levels)}, each once",
        )


@dataclass(frozen=True)
class TrainConfig:
    kimg: float = 25000.0
    """Length of the run, in thousands of real images shown."""
    batch_size: int = 64
    """Images per optimiser step, over all processes."""
    micro_batch: int = 0
    """Images per forward pass, in D's step that many of each kind; smaller ones are accumulated to a batch. 0: the
    whole batch at once."""
    g_lr: float = 0.0025
    """Adam's learning rate of G."""
    d_lr: float = 0.0025
    """Adam's learning rate of D."""
    beta1: float = 0.0
    """Adam's first moment decay."""
    beta2: float = 0.99
    """Adam's second moment decay."""
    g_beta2: float = 0.0
    """The same of G alone; 0: as ``beta2``."""
    ema_half_life_kimg: float = 20.0
    """Images after which a weight counts half in the average that users get, in thousands."""
    ema_rampup: float = 0.05
    """The half-life is at most this share of the images shown so far; 0: no ramp."""
    augment: Literal["none", "diffaug"] = "none"
    """DiffAugment: differentiable augmentation of what D sees, real and generated alike."""
    augment_policy: tuple[str, ...] = ("color", "translation", "cutout")
    """Parts of DiffAugment that are used."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: autocast of both networks; R1 and all losses stay in float32."""
    seed: int = 0
    """Seed of weights, data order, z, layouts and noise."""
    log_kimg: float = 0.5
    """From one line of statistics to the next."""
    sample_kimg: float = 10.0
    """From one sample grid to the next."""
    snapshot_kimg: float = 50.0
    """From one snapshot (EMA generator and D, for users) to the next."""
    keep_snapshots: int = 0
    """How many of the newest snapshots are kept, beside the best that was measured; others are deleted. 0: all."""
    checkpoint_kimg: float = 5.0
    """From one checkpoint (for resuming) to the next."""
    sample_columns: int = 8
    """Pictures per row of a sample grid."""
    sample_rows: int = 4
    """Rows of a sample grid."""

    def __post_init__(self) -> None:
        _require_choices(self, "train")
        require(self.batch_size >= 1, f"train.batch_size is {self.batch_size}; use 1 or more")
        require(self.seed >= 0, f"train.seed is {self.seed}; use 0 or more")
        m = self.micro_batch
        require(
            m >= 0 and (m == 0 or self.batch_size % m == 0),
            f"train.micro_batch is {m}; use 0 or a divisor of train.batch_size, {self.batch_size}",
        )
        for name in (
            "kimg",
            "log_kimg",
            "sample_kimg",
            "snapshot_kimg",
            "checkpoint_kimg",
            "g_lr",
            "d_lr",
            "ema_half_life_kimg",
            "sample_columns",
            "sample_rows",
        ):
            require(getattr(self, name) > 0, f"train.{name} is {getattr(self, name)}; use a number above 0")
        require(self.kimg >= 0.001, f"train.kimg is {self.kimg}; use at least 0.001, one image")
        require(self.keep_snapshots >= 0, f"train.keep_snapshots is {self.keep_snapshots}; use 0 or more")
        for name in ("beta1", "beta2", "g_beta2"):
            require(0 <= getattr(self, name) < 1, f"train.{name} is {getattr(self, name)}; use 0 to below 1")
        require(self.ema_rampup >= 0, f"train.ema_rampup is {self.ema_rampup}; use 0 or more")
        unknown = set(self.augment_policy) - {"color", "translation", "cutout"}
        require(not unknown, f"train.augment_policy names {sorted(unknown)}; use color, translation, cutout")


@dataclass(frozen=True)
class AidsConfig:
    """[ours] What makes hours of a CPU enough, and the paper does not have: all off by default."""

    reconstruct_kimg: float = 0.0
    """Thousands of images at the beginning for which G only learns to reconstruct real pictures from codes and places
    that it is told (``training/aids/reconstruction.py``), and D waits; 0 is off."""
    place_weight: float = 0.0
    """Weight in G's loss of how far from heatmaps things are seen, by a head that learned it from real pictures
    (``training/aids/places.py``); 0 is off."""
    reuse_pictures: bool = False
    """D learns from the very pictures that G was just judged on, which saves drawing others."""

    def __post_init__(self) -> None:
        for name in ("reconstruct_kimg", "place_weight"):
            require(getattr(self, name) >= 0, f"aids.{name} is {getattr(self, name)}; use 0 or more")


@dataclass(frozen=True)
class RunConfig:
    """All of a training run: what ``config.json`` in a run folder holds."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    aids: AidsConfig = field(default_factory=AidsConfig)

    def __post_init__(self) -> None:
        m, loss, t = self.model, self.loss, self.train
        if m.encoding == "none":
            require(loss.align == "none", "model.encoding=none has no heatmaps to align; set loss.align=none")
        if loss.align == "multi":
            require(m.layout == "multi", "loss.align=multi needs model.layout=multi")
        if self.needs_codes:
            aids = "aids.reconstruct_kimg and aids.place_weight"
            require(m.image_channels == 3, f"{aids}, by ImageNet features, need model.image_channels=3")
            require(
                m.layout != "multi" or m.num_objects <= MAX_THINGS,
                f"model.num_objects is {m.num_objects}; use at most {MAX_THINGS}, or set {aids} to 0",
            )
            require(
                m.sampling != "noise" and m.impulse_noise == 0 and m.encoding != "flatten",
                f"{aids} need heatmaps that can be moved: no model.sampling=noise, impulse_noise or encoding=flatten",
            )
        if self.aids.place_weight > 0 and (m.discriminator == "residual" or m.encoding == "none"):
            raise SpatialGANError(
                "aids.place_weight needs heatmaps and model.discriminator=projected or combined; set it to 0"
            )
        if m.discriminator != "projected":
            micro, group = t.micro_batch or t.batch_size, m.minibatch_std_group
            require(
                micro % min(group, micro) == 0,
                f"train.batch_size (or micro_batch), {micro}, must be a multiple of model.minibatch_std_group, {group}",
            )
        if m.discriminator == "projected":
            require(
                loss.r1_gamma == 0 and loss.adversarial == "hinge",
                "model.discriminator=projected trains on the hinge loss without R1; "
                "set loss.adversarial=hinge and loss.r1_gamma=0",
            )
        if m.encoding == "multi":
            require(
                loss.style_mixing == 0, "loss.style_mixing is for one style a picture; set it to 0 with encoding=multi"
            )

    @property
    def needs_codes(self) -> bool:
        """Whether it has to be known of real pictures where things are, and by which codes G is to draw them."""
        return self.aids.reconstruct_kimg > 0 or self.aids.place_weight > 0

    def reconstructs_at(self, num_images_seen: int) -> bool:
        """Whether G only reconstructs in the step that begins there, and D still waits."""
        return num_images_seen < self.aids.reconstruct_kimg * 1000

    def needs_codes_at(self, num_images_seen: int) -> bool:
        """Whether it has to be known in the step that begins there."""
        return self.aids.place_weight > 0 or self.reconstructs_at(num_images_seen)


def describe(hint: Any) -> str:
    """What a field of that type wants, for messages."""
    if get_origin(hint) is Literal:
        return " or ".join(str(a) for a in get_args(hint))
    if get_origin(hint) is tuple:
        return "a list"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[hint]


def _require_choices(config: Any, section: str) -> None:
    for name, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal and getattr(config, name) not in get_args(hint):
            raise SpatialGANError(f"{section}.{name} is {getattr(config, name)!r}; use {describe(hint)}")
