"""How many verdicts it saves that score bands which are sure enough are only sampled, and whether the promise holds.

python benchmarks/review_saving.py [RUNS] [CLIPS]

Nobody is asked: people, clips and scores are simulated, with a truth that is known. 73 % of the clips are good (the
paper: 1.1 of 1.5 million). The machine's score is one normal distribution for good clips and one for bad ones; how far
they lie apart is its AUC. Seven people: six err in 1 to 5 % of the clips, more on clips that are hard (for all of them:
they err in company, and what deceives the machine deceives them too), and more the longer they sit; one always keeps.
Each answers 100 gold questions, half of them bad clips; whom the alerts tell of is not counted. A clip that is drawn
for a band's sample is looked at by one, and by the adjudicator, who errs in 1 % of the clips and more on hard ones as
well, when that one drops it.

`all`: every clip has one verdict, as in the paper. `sampled`: bands that are sure are only sampled, all others looked
at as before. Precision: share of the kept clips that are good. `broken`: runs in which fewer than 99 % of the clips
that were kept unseen are good; 5 % are allowed.

The last lines are the worst case: every band is just below the promise (98.9 % good, whatever its score), so that each
run which keeps any of it unseen breaks the promise.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np
from machine import headline

from hoigen.core.stats.annotators import Answer, people
from hoigen.core.stats.resample import Draws, Floats
from hoigen.core.stats.saving import band_of, false_keeps, saving

GOOD = 0.73
PROMISE = 0.99
GOLD = 100
BATCH = 100
SPAM, ADJUDICATOR = 6, 7
SITTING = 200
"""Answers after which people take a break."""
AUC = {0.85: 1.466, 0.90: 1.812, 0.95: 2.326, 0.98: 2.904}
"""How far apart two normal distributions lie that give this AUC, in standard deviations."""


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


@dataclass
class World:
    """Clips with their truth, the machine's score, and people who look at them."""

    rng: np.random.Generator
    truth: np.ndarray
    score: Floats
    hard: Floats
    errors: Floats
    answered: np.ndarray = field(default_factory=lambda: np.zeros(8, int))
    asked: int = 0

    @staticmethod
    def make(seed: int, clips: int, apart: float | None) -> World:
        rng = np.random.default_rng(seed)
        truth = rng.random(clips) < (0.989 if apart is None else GOOD)
        noise = rng.standard_normal(clips)
        score = noise if apart is None else noise + apart * truth
        # hard is what looks to people like the other kind; what deceived the machine deceives them more often
        hard = 0.5 * np.where(truth, -noise, noise) + np.sqrt(0.75) * rng.standard_normal(clips)
        return World(rng, truth, score, hard, np.append(rng.uniform(0.01, 0.05, 6), [0.5, 0.01]))

    def says(self, who: np.ndarray, clips: np.ndarray) -> np.ndarray:
        """Whether each person keeps each clip."""
        tired = np.empty(len(who))
        for person in range(8):
            mine = np.flatnonzero(who == person)
            tired[mine] = ((self.answered[person] + np.arange(len(mine))) % SITTING) / SITTING
            self.answered[person] += len(mine)
        self.asked += len(who)
        error = self.errors[who]
        wrong = self.rng.random(len(who)) < sigmoid(np.log(error / (1 - error)) + 0.8 * self.hard[clips] + 0.7 * tired)
        return np.where(who == SPAM, True, self.truth[clips] ^ wrong)

    def gold(self) -> tuple[list[int], float | None]:
        """Who is not told of, and how often they keep a bad clip, at most."""
        answers, kept, bad = [], np.zeros(7, int), np.zeros(7, int)
        half = [self.rng.choice(np.flatnonzero(self.truth == kind), GOLD // 2) for kind in (True, False)]
        for person in range(7):
            clips = np.concatenate(half)
            said = self.says(np.full(GOLD, person), clips)
            kept[person], bad[person] = (said & ~self.truth[clips]).sum(), (~self.truth[clips]).sum()
            answers += [
                Answer(unit=f"g{at}", who=str(person), value=str(bool(say)), right=str(bool(self.truth[clip])))
                for at, (clip, say) in enumerate(zip(clips, said, strict=True))
            ]
        fine = [int(each.who) for each in people(answers, draws=Draws(draws=50)) if not each.alerts]
        return fine, false_keeps(int(kept[fine].sum()), int(bad[fine].sum()))

    def checked(self, clips: np.ndarray, team: list[int]) -> np.ndarray:
        """What comes of clips that one looks at, and the adjudicator when that one drops it."""
        found: np.ndarray = self.says(self.rng.choice(team, len(clips)), clips)
        doubted = np.flatnonzero(~found)
        found[doubted] = self.says(np.full(len(doubted), ADJUDICATOR), clips[doubted])
        return found


def sampled(world: World) -> tuple[np.ndarray, np.ndarray]:
    """The kept clips, and those of them that nobody looked at."""
    team, false_keep = world.gold()
    bands, ranks = band_of(world.score), world.rng.random(len(world.score))
    order = np.argsort(ranks)
    said = np.full(len(world.score), -1, np.int8)
    while (now := saving(bands, ranks, said, false_keep=false_keep)).wanted is not None:
        left = order[(bands[order] <= now.wanted) & (said[order] < 0)][:BATCH]
        said[left] = world.checked(left, team)
    sure = bands < now.sure
    rest = np.flatnonzero(~sure & (said < 0))
    said[rest] = world.says(world.rng.choice(team, len(rest)), rest)
    unseen = sure & (said < 0)
    return (said == 1) | unseen, unseen


def every(world: World) -> np.ndarray:
    """What is kept when each clip has one verdict."""
    team, _ = world.gold()
    clips = np.arange(len(world.truth))
    kept: np.ndarray = world.says(world.rng.choice(team, len(clips)), clips)
    return kept


def main(runs: int, clips: int) -> None:
    print(headline())
    print(f"{runs} runs of {clips:,} clips each, seeds 0 to {runs - 1}; verdicts for 1,000 clips")
    print("  AUC   all: verdicts precision   sampled: verdicts precision   saved   unseen  their precision   broken")
    for auc, apart in [*AUC.items(), ("worst", None)]:
        rows, broken, any_unseen = [], 0, 0
        for seed in range(runs):
            one, two = World.make(seed, clips, apart), World.make(seed, clips, apart)
            kept, (mine, unseen) = every(one), sampled(two)
            right = two.truth[unseen].mean() if unseen.any() else np.nan
            any_unseen += unseen.any()
            broken += bool(right < PROMISE)
            rows.append((one.asked, one.truth[kept].mean(), two.asked, two.truth[mine].mean(), unseen.mean(), right))
        table = np.array(rows)
        a, b, c, d, e = table[:, :5].mean(0)
        f = np.nanmean(table[:, 5]) if any_unseen else np.nan
        k = 1000 / clips
        print(
            f"{auc!s:>5} {a * k:15.0f} {b:10.4f} {c * k:19.0f} {d:10.4f} {1 - c / a:7.1%} {e:8.1%} {f:16.4f}"
            f" {broken:5} of {any_unseen}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 50_000)
