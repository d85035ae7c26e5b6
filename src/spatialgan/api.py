"""What programs use: a model by its name or file, and the scenes that it draws."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from PIL import Image

from spatialgan.editing import inversion
from spatialgan.editing.inversion import Callback as InvertCallback
from spatialgan.editing.inversion import Inversion, InvertOptions
from spatialgan.editing.photo import photo_tensor, read_photo
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.files import user_path
from spatialgan.hub.fetching import fetched
from spatialgan.hub.repository import SCHEME, repository
from spatialgan.importing.converting import converted
from spatialgan.model import DISCRIMINATOR, WEIGHTS, Model, bundled_models
from spatialgan.snapshots import SNAPSHOTS, whole_models
from spatialgan.threads import check_threads, lower_threads, threads_for

FOREIGN = (".pkl", ".pt", ".pth")  # endings of other programs' models


class SpatialGAN(Model):
    """A generator, its configuration, and where there is one the discriminator that it was trained against."""

    @classmethod
    def from_pretrained(
        cls, source: str | Path, *, device: str | torch.device = "auto", threads: int | None = None
    ) -> Self:
        """Load a model, and on a CPU have PyTorch use no more threads than pay off for it.

        Args:
            source: a bundled model's name, a ``.safetensors`` file, a folder that holds one model or a training run
                (its newest snapshot is taken), another program's StyleGAN2 (``.pkl`` or ``.pt``, see
                ``importing/``), which is converted once, or a repository of the Hugging Face Hub,
                ``hf://owner/name`` or ``hf://owner/name@revision``, which is fetched once.
            device: ``auto`` takes a CUDA GPU, else Apple's, else the CPU.
            threads: of the CPU, which PyTorch uses from here on in this thread and those that begin later, whatever it
                computes. None: no change where OMP_NUM_THREADS says how many; else at most what pays off for one
                picture of this model (:mod:`spatialgan.threads`), and never more than now. That is often one, which
                is ten times as fast as one for each core where something else is busy.

        Raises:
            SpatialGANError: no such model, more threads than cores, or files that do not fit; the message names what
                differs. Of the Hub also where it cannot be reached and the cache does not have the model.
        """
        check_threads(threads, name="threads")
        model = cls.load(find_weights(source), device=device)
        if threads is not None:
            torch.set_num_threads(threads)
        elif model.device.type == "cpu":
            lower_threads(threads_for(model.config.model, batch=1))
        return model

    def sample(self, seed: int, *, layout_seed: int | None = None, truncation: float = 1.0) -> Scene:
        """A random picture to edit; the same seed gives the same picture."""
        return Scene.sample(self, seed, layout_seed=layout_seed, truncation=truncation)

    def invert(
        self,
        photo: str | Path | Image.Image,
        *,
        box: Sequence[float] | None = None,
        options: InvertOptions | None = None,
        callback: InvertCallback | None = None,
    ) -> Inversion:
        """A scene that draws a photograph, as well as the model can; see :mod:`spatialgan.editing.inversion`.

        Args:
            photo: a file, or a picture.
            box: left, top, width and height, in 0..1 of the photograph, of the part to take. What is taken becomes a
                square as the model's training pictures did (``data.fit``).
            options: how much work it is given.
            callback: told each step; what it returns, where true, ends the work with what there is.

        Raises:
            SpatialGANError: the photograph cannot be read, or the ImageNet weights are not installed.
        """
        picture, name = read_photo(photo, self.config.model.image_channels)
        pixels = photo_tensor(picture, self.config.model.resolution, self.config.data.fit, box)
        return inversion.invert(self, pixels, options=options, name=name, callback=callback)

    def load_scene(self, path: str | Path) -> Scene:
        """A scene that was saved with :meth:`Scene.save`."""
        return Scene.load(self, path)


def find_weights(source: str | Path) -> Path:
    """The generator's file that ``source`` means; see :meth:`SpatialGAN.from_pretrained`."""
    bundled = bundled_models()
    if str(source) in bundled:
        return bundled[str(source)]
    if str(source).startswith(SCHEME):
        return fetched(repository(str(source)))
    path = user_path(source)
    if path.is_dir():
        for folder in (path, path / SNAPSHOTS):
            found = whole_models(folder)
            if len(found) == 1 or (found and folder.name == SNAPSHOTS):
                return found[-1]
            if found:
                names = ", ".join(p.name for p in found[:8])
                raise SpatialGANError(f"{path} holds {len(found)} models; name one: {names}")
        if (path / "config.json").is_file() and (path / "checkpoint").is_dir():
            raise SpatialGANError(
                f"{path} holds no snapshot yet: a run writes one every train.snapshot_kimg thousand images, and when "
                "it is stopped"
            )
        raise SpatialGANError(
            f"{path} holds no model: there is no .safetensors file with its .json in it or in its folder snapshots"
        )
    if path.is_file() and path.suffix.lower() in FOREIGN:
        return converted(path)
    if path.is_file():
        if not path.name.endswith(WEIGHTS) or path.name.endswith(DISCRIMINATOR):
            raise SpatialGANError(
                f"{path} is not a generator's weights; "
                "give a NAME.safetensors file with its NAME.json, or a StyleGAN2's .pkl or .pt"
            )
        return path
    names = ", ".join(bundled) or "none"
    raise SpatialGANError(
        f"there is no model {source}: it is no file, no folder, none of the bundled models ({names}) "
        "and no hf://owner/name"
    )
