"""How often the interval of the overlap of prompts holds the true overlap.

    python benchmarks/prompt_overlap.py --trials 500

Prompts are drawn from a grammar of four slots with 3 to 12 fillers of one to four words, some of them three times as
probable as others, so that their true mean overlap is known from 30,000 other prompts. A 95% interval should hold it in
95% of trials.
"""

from __future__ import annotations

import argparse
import random
from statistics import mean

from prettyuseful.prompts.diversity import diversity_of, grams_of, overlap_of

_WORDS = [f"w{number}" for number in range(40)]


class Grammar:
    """Draws prompts of one class; each class has fillers of its own."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.slots = [
            [" ".join(self.rng.choices(_WORDS, k=self.rng.randint(1, 4))) for _ in range(self.rng.randint(3, 12))]
            for _ in range(4)
        ]

    def draw(self, count: int) -> list[str]:
        """Return `count` different prompts."""
        prompts: dict[str, None] = {}
        while len(prompts) < count:
            parts = [
                self.rng.choices(slot, [3 if i % 3 == 0 else 1 for i in range(len(slot))])[0] for slot in self.slots
            ]
            prompts[f"a photo of a cat {' '.join(parts)}"] = None
        return [*prompts]

    def true_overlap(self, count: int) -> float:
        """Return the mean overlap of two of `count` different prompts, over many draws."""
        pairs = [self.draw(count) for _ in range(max(1, 30_000 // count))]
        return mean(
            overlap_of(grams_of(prompts[i]), grams_of(prompts[i + 1]))
            for prompts in pairs
            for i in range(0, count - 1, 2)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    trials = parser.parse_args().trials
    print("classes  prompts  true overlap  coverage  width")
    for classes in (1, 2, 10):
        for count in (5, 10, 20, 50):
            grammars = [Grammar(100 * classes + number) for number in range(classes)]
            truth = mean(grammar.true_overlap(count) for grammar in grammars)
            hits, widths = 0, []
            for _ in range(trials if classes < 10 else max(1, trials // 4)):
                overlap = diversity_of([grammar.draw(count) for grammar in grammars]).overlap
                assert overlap is not None
                hits += overlap.low <= truth <= overlap.high
                widths.append(overlap.high - overlap.low)
            print(f"{classes:7}  {count:7}  {truth:12.3f}  {hits / len(widths):8.1%}  {mean(widths):.3f}", flush=True)


if __name__ == "__main__":
    main()
