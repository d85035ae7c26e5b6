"""A photograph that becomes a scene within a session, one step at each call, so that others get their turn between."""

from typing import TYPE_CHECKING, Any

from spatialgan.data.decoding import upright
from spatialgan.editing.inversion import InvertOptions, invert_steps
from spatialgan.editing.photo import photo_tensor
from spatialgan.studio.session import Session

if TYPE_CHECKING:
    from spatialgan.editing.inversion import Inversion, InvertStep

OPTIONS = InvertOptions(candidates=320, starts=2, steps=240)  # some ten seconds at 64 pixels, where a core is free
TUNE_STEPS = 120
SHARES = {"search": 0.15, "one code": 0.35, "a code a layer": 0.5}  # of the work, roughly; tuning is as much again
WORK = "the fit of a photograph"


class Fitting:
    """Begins when it is made, and ends as the history's next entry: a start, which is compared with the photograph."""

    def __init__(self, session: Session, model: str, data: bytes, name: str, *, tune: bool = False):
        """
        Args:
            session: where the picture will be.
            model: by its name in the studio.
            data: the encoded photograph.
            name: of its file.
            tune: the generator, too.

        Raises:
            SpatialGANError: it is no photograph, or there is no such model, or the ImageNet weights are missing.
            Busy: something else is under way.
        """
        session.require_idle()
        gan = session.models.load(model)
        config = gan.config
        picture = upright(data, name, config.model.image_channels)
        self.photo = photo_tensor(picture, config.model.resolution, config.data.fit)
        options = InvertOptions(OPTIONS.candidates, OPTIONS.starts, OPTIONS.steps, TUNE_STEPS if tune else 0)
        self.session, self.tune = session, tune
        self._steps = invert_steps(gan, self.photo, options=options, name=name)
        self.latest: InvertStep = next(self._steps)
        self.result: Inversion | None = None
        self.stop_reason: str | None = None
        """Why it ended; None while it is under way."""
        session.work = WORK

    def advance(self, stop: bool = False) -> None:
        """Make a step; after the last, or with ``stop``, what has been found becomes the current picture."""
        if self.stop_reason is not None:
            return
        try:
            try:
                self.latest = self._steps.send(stop)
                return
            except StopIteration as end:
                found: Inversion = end.value
            self.session.add_photo(found.scene, self.photo)
            self.result, self.stop_reason = found, "stopped" if found.stopped else "done"
        except BaseException:
            self.stop_reason = "failed"  # the picture stays what it was
            raise
        finally:
            if self.stop_reason is not None:
                self.session.work = None

    def stop(self) -> None:
        """End it with the best so far."""
        while self.stop_reason is None:  # later stages end at their first step
            self.advance(stop=True)

    def status(self) -> dict[str, Any]:
        """How far it is, as JSON values."""
        before = sum(share for stage, share in SHARES.items() if self._is_before(stage))
        share = SHARES.get(self.latest.stage, 1.0)
        done = (before + share * self.latest.done / self.latest.total) / (2 if self.tune else 1)
        likeness = None if self.result is None else self.result.final.likeness
        return {
            "stage": self.latest.stage,
            "share": 1.0 if self.stop_reason else min(1.0, done),
            "stop_reason": self.stop_reason,
            "likeness": None if likeness is None else {**vars(likeness), "words": likeness.words},
        }

    def _is_before(self, stage: str) -> bool:
        """Whether a stage is over."""
        stages = [*SHARES, "tuning"]
        return stages.index(stage) < stages.index(self.latest.stage)
