"""Bad inputs, made of good ones, against all that reads files and words: does each end well, or with one sentence?

    python tests/attack/inputs.py --tries 2000            # some minutes, spread over all kinds
    python tests/attack/inputs.py --hours 1 --seed 100000 # until the hour is over
    python tests/attack/inputs.py --only zip:17           # one try again, with its traceback

A try fails where anything but a SpatialGANError of one line is raised, or a command ends with another code than 0, 1
or 2, or it takes more than 5 s of work or 1.5 GB. Exits with 1 where any did.
"""

import argparse
import faulthandler
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir, suppress
from pathlib import Path
from random import Random
from typing import Any

import torch
from attack_data import DATA_KINDS
from attack_judging import judge
from attack_models import MODEL_KINDS
from attack_words import WORD_KINDS

Attack = Callable[[Random, Path], Iterator[Callable[[], Any]]]
KINDS: dict[str, Callable[[Path], Attack]] = {**DATA_KINDS, **MODEL_KINDS, **WORD_KINDS}
MAX_MEMORY_BYTES = 8 << 30  # more ends in a MemoryError, before the machine suffers
COLUMNS = ("tries", "refused", "accepted", "failures")


class Inputs:
    """Tries of some kinds, in a folder of their own."""

    def __init__(self, home: Path, kinds: list[str]):
        self.home, self.kinds = home, kinds
        self.counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
        self.failures: list[dict[str, Any]] = []
        self._attacks: dict[str, Attack] = {}

    def run_one(self, kind: str, seed: int) -> str:
        """One try: all that reads its input; the worst outcome counts."""
        attack = self.attack(kind)
        outcomes = []
        with tempfile.TemporaryDirectory(dir=self.home) as folder, chdir(folder):
            (self.home / "now").write_text(f"{kind}:{seed}")  # for what takes the process with it
            for call in attack(Random(f"{kind}:{seed}"), Path(folder)):
                outcome, said = judge(call)
                outcomes.append(outcome)
                if outcome == "failure":
                    self.failures.append({"try": f"{kind}:{seed}", "what": said.replace(str(self.home), "HOME")})
        worst = next(o for o in ("failure", "refused", "accepted") if o in outcomes)
        self.counts[kind].update(["tries", "failures" if worst == "failure" else worst])
        return worst

    def attack(self, kind: str) -> Attack:
        if kind not in self._attacks:
            folder = self.home / kind
            folder.mkdir()
            self._attacks[kind] = KINDS[kind](folder)
        return self._attacks[kind]

    def table(self) -> str:
        """Kind by kind, as Markdown."""
        total = sum(self.counts.values(), Counter())
        rows = [*self.counts.items(), ("all", total)]
        lines = [f"| kind | {' | '.join(COLUMNS)} |", "|---" + "|---:" * len(COLUMNS) + "|"]
        return "\n".join([*lines, *(f"| {name} | {' | '.join(str(c[k]) for k in COLUMNS)} |" for name, c in rows)])


def run(
    home: Path, *, tries: int, seed: int = 0, seconds: float = float("inf"), kinds: list[str] | None = None
) -> Inputs:
    """So many tries, in turn over the kinds, or until the time is over."""
    inputs = Inputs(home, kinds or list(KINDS))
    end = time.monotonic() + seconds
    with suppress(KeyboardInterrupt):  # what was found so far is shown
        for i in range(tries):
            if time.monotonic() > end:
                break
            inputs.run_one(inputs.kinds[i % len(inputs.kinds)], seed + i // len(inputs.kinds))
    return inputs


def _main() -> int:
    import resource  # not on Windows, where the tests are skipped but collected

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=2000, help="over all kinds")
    parser.add_argument("--hours", type=float, help="in place of --tries: as many as there is time for")
    parser.add_argument("--seed", type=int, default=0, help="the first of each kind")
    parser.add_argument("--kinds", help=f"some of {','.join(KINDS)}")
    parser.add_argument("--only", metavar="KIND:SEED", help="this try alone")
    parser.add_argument("--json", type=Path, metavar="F", help="counts and failures go here, too")
    given = parser.parse_args()
    faulthandler.enable()
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, resource.RLIM_INFINITY))
    home = Path(tempfile.mkdtemp(prefix="attack-")).resolve()
    print(f"in {home}; where this ends at once, the last try is named in {home / 'now'}", file=sys.stderr)
    if given.only:
        kind, _, seed = given.only.rpartition(":")
        inputs = run(home, tries=1, seed=int(seed), kinds=[kind])
    else:
        tries, seconds = (given.tries, float("inf")) if given.hours is None else (sys.maxsize, given.hours * 3600)
        inputs = run(
            home, tries=tries, seed=given.seed, seconds=seconds, kinds=given.kinds.split(",") if given.kinds else None
        )
    print(inputs.table())
    for failure in inputs.failures:
        print(f"--only {failure['try']}: {failure['what']!r}")
    if given.json:
        given.json.write_text(json.dumps({"kinds": inputs.counts, "failures": inputs.failures}, indent=1) + "\n")
    return 1 if inputs.failures else 0


if __name__ == "__main__":
    sys.exit(_main())
