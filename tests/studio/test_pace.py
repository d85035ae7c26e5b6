"""How large a moving picture is: as large as keeps up, on this machine, as it is now."""

from spatialgan.config import ModelConfig
from spatialgan.studio.pace import FRAMES_PER_SECOND, Pace


def settled(pace: Pace, cost: float, rounds: int = 60) -> list[int]:
    """The sizes chosen where a picture of 64 pixels takes ``cost`` frames, and each size four times the one before."""
    sizes = []
    for _ in range(rounds):
        sizes.append(pace.next_size())
        pace.note(sizes[-1], cost * (sizes[-1] / 64) ** 2 / FRAMES_PER_SECOND)
    return sizes


def test_it_begins_small_and_grows_as_far_as_it_keeps_up():
    sizes = settled(Pace(ModelConfig(resolution=1024)), 0.01)
    assert sizes[0] == 64 and sizes[-1] == 512 and sizes[-20:] == [512] * 20


def test_a_machine_that_is_slow_stays_at_the_smallest():
    assert settled(Pace(ModelConfig(resolution=256)), 5.0)[1:] == [64] * 59


def test_one_that_becomes_busy_and_quiet_again_is_followed():
    pace = Pace(ModelConfig(resolution=256))
    assert settled(pace, 0.03)[-1] == 256
    assert settled(pace, 0.3)[-1] == 64
    assert settled(pace, 0.03)[-1] == 256


def test_small_models_are_drawn_in_full():
    for resolution in (32, 64):
        assert set(settled(Pace(ModelConfig(resolution=resolution)), 100.0)) == {resolution}
