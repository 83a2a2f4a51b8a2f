"""What an expert wrote -> one paragraph that describes the clip, or why it is none.

Marks, fences and notes around a description are taken off. What is left is checked as a whole, without what it quotes:
a description speaks of what is seen, in the language asked for; never of its writer, its reader, its prompt or sources.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from hoigen.models.experts import bland, languages

MOST_CHECKED = 20_000
"""Characters of an answer that are looked at: some twenty times a caption."""

FEWEST, SHORT = 3, 8
"""Words that a description has at least, and fewer than that are doubted."""

Verdict = Literal["answered", "truncated", "refused", "malformed"]


@dataclass(frozen=True, slots=True)
class _Words:
    """What an answer in words comes to.

    Args:
        text: one paragraph; "" when there is none.
        outcome: whether it is a description.
        reason: why it is none.
        doubts: why it should be looked at, though it is taken.
    """

    text: str
    outcome: Verdict = "answered"
    reason: str = ""
    doubts: tuple[str, ...] = ()


MEDIA = (
    r"(?:videos?|clips?|images?|pictures?|photos?|frames?|files?|footage|recording|attachments?|uploads?|"
    r"links?|input)"
)
NOT = r"(?:not|n't|n’t|never)"
I_AM = r"(?:i(?:'|’)m|i am|we(?:'|’)re|we are)"
TELL = (
    r"(?:(?:describ|caption|summari[sz]|assist|help|comply|provid|process|fulfil|generat|access|analy[sz]|"
    r"continu|answer|interpret)\w*|complet\w* (?:(?:the|this|your) )?(?:request|task|description|caption|prompt)\b)"
)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each})" for each in patterns), re.IGNORECASE)


THOUGHTS = re.compile(
    r"\A\s*(?:<(think(?:ing)?|reasoning|reflection|analysis|scratchpad)>.*?</\1>|◁think▷.*?◁/think▷|"
    r"<\|channel\|>analysis<\|message\|>.*?<\|(?:end|return)\|>)\s*",
    re.IGNORECASE | re.DOTALL,
)
THINKING = re.compile(r"\A\s*(?:<(?:think(?:ing)?|reasoning)>|◁think▷)", re.IGNORECASE)
TURN_ENDS = re.compile(
    r"<\|(?:im_end|eot_id|end|endoftext|return|eom_id|user|observation)\|>|</s>|<end_of_turn>|<eos>|"
    r"\n[ \t]{0,20}(?:#{1,6} ?)?(?:user|human|question|instruction)[ \t]{0,20}:",
    re.IGNORECASE,
)
"""Where a model's turn is over; what follows is another one's."""
MARKS = re.compile(
    r"<\|[\w ▁]{1,40}\|>|<(?:s|bos|pad|eos|start_of_turn|begin_of_box|end_of_box)>|\[/?(?:INST|ASSISTANT|USER)\]|"
    r"</?(?:answer|caption|description|output|response|paragraph|text|final|result)>|◁[^▷]{1,20}▷",
    re.IGNORECASE,
)
LEFT_OVER = re.compile(
    r"https?://|data:\w+/|[ĠĊ▁]|â€|(?-i:Ã[©¨¡³±¼¶¤])|</?[a-z][\w-]*(?:\s[^<>]{0,200})?/?>|<\||\|>|\ufffd|"
    r"```|~~~|\[/?INST\]|<unk>|[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u202d\u202e\ud800-\udfff]|"
    r"\A(?:print\(|import \w+\s|from \w+ import |def \w+\(|return [\"']|(?:(?:const|let|var) )?\w+ ?= ?[\"'])|"
    r"[\"'\]]\s*[}\]]\s*\Z|\A\"?\w+\"\s*:|\bQ: .{0,2000}? A: |\A(?:user|human)\s*:",
    re.IGNORECASE | re.DOTALL,
)
STAMPS = re.compile(
    r"(?:\A|[.!?]\s+)[\[(<]?(?:\d{1,2}:)?\d{1,3}(?:[:.]\d{1,3})?\s?s?(?:\s?[-–]\s?(?:\d{1,2}:)?\d{1,3}(?:[:.]\d{1,3})?\s?s?)?"
    r"(?:[\])>]:?|:)\s+\w"
)
"""Sentences that begin with a time of the clip, as in a list: `[0:00 - 0:02] A woman ...`, `0.0s-1.5s: ...`."""
TAG_QUOTED = re.compile(r"[\"“‘'«]<[^\"“”<>:=/]{1,60}>[\"”’'»]")
"""What is written on things, in angle brackets."""
FENCE = re.compile(r"\A(?:[^`\n]{0,100}:\s*)?(`{3,}|~{3,})[ \t]*([\w+-]*)[ \t]*\n(.*?)\n?\s*\1\s*\Z", re.DOTALL)
LEAD_IN = re.compile(
    r"\A(?:>\s+|(?:sure|certainly|of course|okay|ok|absolutely|great|yes)\b(?: thing)?[,.!:]+\s+)?"
    r"(?:(?:here(?: is|'s|’s| are)|below is|this is|the following is)\b[^.:\n]{0,100}:|"
    r"(?:#+ ?)?(?:assistant|model|ai|bot|answer|response|output)\s*(?::|\n)|"
    r"(?:the |a )?(?:final |rewritten |corrected |revised |video |clip |detailed )*(?:description|caption|paragraph)"
    r"(?: of the (?:video )?(?:clip|video))?\s*(?::|\n)|(?<=\A> )|(?<=! )(?=an? |the |two |in ))\s*",
    re.IGNORECASE,
)
"""What chat models put before the thing itself, though told not to."""
HEADING = re.compile(
    r"\A(?:#{1,6}\s+.{1,80}|\*\*[^*]{1,60}\*\*:?|__[^_]{1,60}__:?|[-=_*]{3,}|[A-Z][A-Z /&-]{4,40}:?)\Z"
)
ITEM = re.compile(r"\A(?:\(?\d{1,2}[.)]|[-*•])\s+")
FIELD = re.compile(r"\A[\"'*_]{0,3}(?:[^\W\d_][\w /&'-]{0,40})[\"'*_]{0,3}[:：][\"'*_]{0,3}(?:\s|\Z|(?=\w))")
POINTS = re.compile(
    r"(?:\A|[.;\s])[*_]{0,2}(?:objects?|human movements?|movements?|interactions?|"
    r"state changes?(?: of objects)?|scene|"
    r"setting|camera|actions?|background)[*_]{0,2}\s*(?::| [-–] |(?<= )- )",
    re.IGNORECASE,
)
CLOSER = _any(
    r"\A[\[(*_\s]*(?:please )?(?:note|notes|n\.b\.|disclaimer|explanation|remark|word count|words|end of (?:the )?"
    r"(?:description|caption))\b(?: that\b|\W|\Z)",
    r"\A[\[(*_]*\d+ words\b|\A(?:total words|confidence|key ?words|tags|end|sources?|language|tone|"
    r"style)\b(?::|\.?\Z)",
    r"\A(?:i (?:have )?(?:avoided|tried|kept|focused|followed|described|used|limited|included|omitted|"
    r"left|aimed|made sure)|anything else)\b",
    r"\A(?:i )?(?:really )?hope (?:this|that)\b",
    r"\A(?:please )?(?:let me know|feel free)\b",
    r"\A(?:would you like|is there anything else|do you (?:want|need)|do let me know|just let me know|"
    r"if you(?:['’]\w+)?)\b",
    r"\Athis (?:description|paragraph|caption|text|answer) (?:has|is|was|follows|contains|adheres|avoids|"
    r"captures|covers|"
    r"focuses|meets|uses|aims|includes|provides|sticks|keeps)\b",
    r"\A(?:the )?(?:description|paragraph|caption) (?:above|is based|follows|adheres|avoids)\b",
)
"""What chat models put behind the thing itself."""

SORRY = _any(
    r"\b(?:i(?:'|’)?m|i am|i was|we(?:'|’)?re|we are|we were) (?:\w+ )?(?:sorry|afraid|unable|restricted|designed|"
    r"programmed|trained|only)\b",
    r"(?:\A|[.!?:]\s+)(?:sorry|apologies|my apologies)(?![-\w])|\bsorry,? (?:about that|but)\b|\b(?:i|"
    r"we) (?:\w+ )?apologi[sz]e\b",
    rf"\b(?:i|we) (?:\w+ )?(?:can|could|would|should|do|did|am|are|was|were|have|has|will|must|may)(?: ?{NOT})\b",
    r"\b(?:i|we) (?:\w+ )?(?:can(?:'|’)?t|won(?:'|’)?t|must (?:decline|refuse|apologi|stop)|"
    r"have to (?:decline|refuse|stop)|refuse|"
    r"decline|regret|lack|wish)\b|\bi(?:'|’)d (?:rather|prefer|love to|like to)\b",
    rf"\b{I_AM} (?:\w+ )?(?:{NOT}|just an?|an? (?:\w+[ -])?(?:ai|language|text|model|assistant)\b)",
    rf"\bi only (?:have|see|received|process|work|read)\b|\bi (?:have|see|find|received|got) no {MEDIA}\b",
    r"\b(?:not something (?:that )?i|be \w+ by me|beyond what i|beyond my|outside (?:of )?my)\b",
    r"\bas an? (?:\w+ )?(?:AI|(?:large |text-based )?language model|text[- ]based (?:model|system))\b|"
    r"\btext-only models?\b",
    r"\b(?:my|our) (?:guidelines|training|programming|instructions|polic(?:y|ies)|capabilities|abilities|"
    r"apologies)\b",
    r"\b(?:the|this) (?:assistant|model|ai) (?:is|can|was|does) (?:not|un|only)",
    rf"\b(?:the|this) (?:assistant|model|ai) cannot (?:{TELL}|go on|continue|view|watch|access|process)",
    r"\b(?:violat\w+|against|due to|by|under|per) (?:\w+ ){0,3}(?:polic(?:y|ies)|guidelines?|rules|"
    r"terms)\b|\b(?:safety|content|usage) (?:filters?|system|policy)\b",
    r"\b(?:restricted|not allowed|limited) to (?:text|talk|describ\w+)\b|\bcaptioning skipped\b|"
    r"\bresponse withheld\b|(?:\A|\b(?:caption|description|content|response|answer) )\W*redacted\b",
    r"\b(?:for|because of) reasons of (?:privacy|safety|policy|security|ethics)\b",
    r"\b(?:for|due to) (?:privacy|safety|legal|ethical|policy|security)(?:,? (?:and|or) \w+)? (?:reasons?|concerns?|"
    r"considerations?|restrictions?|guidelines?)\b|\brefrain from describing\b",
    r"\b(?:request|response|content|answer|prompt|output) (?:was|is|has been|were) (?:blocked|declined|"
    r"denied|filtered|"
    r"flagged|refused|removed)\b(?! from\b)|\Acontent (?:blocked|filtered|removed)\b",
    r"\b(?:content|material|clip|video|request|footage)\b.{0,40}\b(?:violates?|may be harmful|"
    r"goes against|is against|inappropriate|"
    r"(?:contains?|depicts?|involves?) (?:sensitive|explicit|harmful|graphic|minors|nudity|violence))\b",
    r"\b(?:would|may|might|could) (?:not be (?:appropriate|right|ethical)|violate|go against|"
    r"be (?:inappropriate|irresponsible|unethical))\b",
    rf"(?:\A|[.!?]\s+)(?:unable|not able|cannot|can(?:'|’)t|could not|impossible|not possible|failed) (?:to )?{TELL}",
    rf"\b(?:not|im|n't|n’t) ?possible to {TELL}|\btoo \w+ (?:to {TELL}|for a description)|"
    rf"\bnothing (?:here )?(?:for me )?(?:to (?:describe|go by|caption))\b",
    r"\bno (?:description|comment) (?:can|could|is|was|will|possible|available|provided)\b|"
    r"\bno caption (?:can|could|will|possible|available|provided)",
    r"\A(?:description|caption|content|video|image) (?:unavailable|not available|not possible)\b",
    r"\b(?:not|n't|n’t|insufficient) (?:enough )?(?:information|context|details?)\b.{0,60}\b(?:to|for)\b",
    rf"\b(?:description|caption) is (?:out of reach|not possible|impossible|unavailable)\b|"
    rf"\bcannot {TELL} (?:this|the|such)\b",
    r"\bcomfortable describing\b",
)
"""A writer that will not or cannot describe the clip, wherever it says so."""

MISSING = _any(
    rf"\bno (?:\w+ )?{MEDIA} (?:(?:was|were|is|are|has|have|had|could)\b(?: been| be)? )?(?:provided|"
    rf"attached|uploaded|included|given|"
    rf"received|found|shared|supplied|submitted|sent|available|loaded|detected|accessible|here)\b",
    rf"\bthere (?:is|are|was|were|seems? to be|appears? to be) no (?:\w+ )?{MEDIA} (?:here|attached|"
    rf"uploaded|provided|included|available|to "
    rf"(?:describe|look|see|analy|go by)|in (?:your|this|the) (?:message|request|chat|conversation|prompt|input))",
    rf"\bwithout (?:the|any|a|access to the) (?:actual )?{MEDIA},? (?:i|there|it|we|no)\b",
    rf"\bnothing (?:was|has been|is) (?:uploaded|attached|provided|sent|shared)\b|(?:\A|"
    rf"[.!?]\s+)(?:awaiting|waiting for|ready)\b.{{0,20}}\b(?:{MEDIA}|input)",
    rf"\bonce (?:the|you|your) (?:{MEDIA} )?(?:are|is|have|has|upload|provide|share|send)\b|\bthe actual {MEDIA}\b",
    r"\b(?:please|kindly) (?:re-?)?(?:upload|provide|send|share|attach|supply|try|give|paste|submit|check|"
    r"include|describe|specify|clarify|wait|hold on|bear with|stand by|"
    r"choose|consult|refer|let|resubmit)\b",
    r"\b(?:how|what) (?:can|may|should) (?:i|be) (?:do|help|assist|described)\b|\b(?:happy|glad(?:ly)?|"
    r"ready) (?:to )?(?:help|describe|assist)\b",
    r"\bi see (?:only )?(?:an?|the|nothing|no)\b ?(?:blank|empty|black|white)?(?= ?(?:screen|but|only|"
    r"image|page|here))",
    rf"(?:\A|[.!?]\s+)(?:where (?:is|are) the {MEDIA})\b",
    rf"(?:\A|[.!?]\s+|it (?:looks|seems) (?:like|that) )(?:the|this|your) {MEDIA} (?:\w+ )?(?:failed|fails|"
    rf"did|does|do|could|can|is|are|was|were)(?: to)?(?: ?{NOT})?"
    r"(?: be| been)? (?:\w+ly )?(?:load(?:ed)?|opened|play(?:ed)?|decoded|come through|displayed|"
    r"processed|retrieved|uploaded|attached|provided)\b",
)
"""A writer that was shown nothing, or asks for something."""

ALOUD = _any(
    r"\b(?:the user|the prompt|the (?:instructions?|task)) (?:wants?|asks?|needs?|says?|is asking|"
    r"would like|requests?|is to)\b",
    r"\blet(?:'|’)s (?:see|look|start|begin|describe|go)\b|(?:\A|[.!?]\s+)(?:hmm|wait|got it|understood|"
    r"alright|here we go|great question|thank you|as requested)\b[,.!: ]",
    r"\bi was (?:shown|given|asked|provided|sent|told to|instructed)\b|\btimestamps?\b|\bto (?:sum up|summari[sz]e),|"
    r"\b(?:visual|available) evidence\b|\bone (?:can|may|could) conclude\b",
    r"\bto describe the (?:clip|video)\b|\b(?:one|it) should (?:describe|be described|mention|note)\b|"
    r"\bimportant to note\b|\b(?:(?:description|caption|paragraph) (?:is |can be )?|text (?:is|can be) )(?:found )?"
    r"(?:below|above)\b|\b(?:description|caption|paragraph) (?:must|should|will|needs)\b|"
    r"\A(?:the )?answer is\b(?! (?:on|in|at|under|written)\b)",
    r"(?:\A|[.!?]\s+)(?:(?:first|next|then|now|finally),? )?(?:describe|identify|check|write|list|"
    r"consider|focus on|ensure|analy[sz]e|look at|mention|"
    r"note that|remember|determine|begin|start|show|send|upload|include|summari[sz]e|keep in mind) (?:the|"
    r"all|any|each|what|whether|if|by|with|me|it|how|that|only|an?)\b",
    r"(?:\A|[.!?]\s+)(?:my )?(?:draft|thinking|thoughts?|reasoning|analysis|verdict|final(?: answer|"
    r" version)?|answer|step \d|claim|point \d|revision|plan)(?: \d)?:",
)
"""A writer that thinks aloud, orders, or answers the one who asked."""

WRITERS = (
    r"(?:observers?|experts?|descriptions?|captions|texts|answers|accounts?|versions?|annotators?|drafts?|narrators?)"
)
SAY = (
    r"(?:agree|disagree|contradict|differ|sa(?:y|id|w|ys)|mention|stat(?:e|ing)|confirm|correct|report|"
    r"note|claim|describ|settle|merge|tell|clarif|concur|speak|leave)\w*"
)
SHOTS = r"(?:frames?|images?|pictures?|stills?|screenshots?|photos?|snapshots?)"
NTH = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|last|final|next|initial|middle|later|"
    r"following|previous|opening|closing)"
)
SOURCES = _any(
    r"\b(?:both|two|either|neither|original|previous|given|provided|rewritten|corrected|final|other|one|"
    r"third) (?:descriptions?|captions?|accounts?|drafts?|"
    r"versions?)\b(?! (?:card|board|on the|on a|of an?|of the same)\b)",
    r"\A(?:this|it|the following) is an? (?:\w+ )?(?:descri|depict|summary|caption)\w*|"
    r"\b(?:description|caption|draft|version) (?-i:[A-D])\b|"
    r"\b(?:entry|caption|answer|description) (?:should|would|must|could|might|has to) (?:read|be|say|name|state)\b",
    r"\b(?:both|either|neither|original|previous|given|provided|rewritten|corrected|final|other) texts?\b"
    r"(?! (?:box(?:es)?|messages?|fields?|card|board|on the|on a|of an?)\b)",
    rf"\bdescription \d\b|\b{WRITERS}(?:['’]s? \w+)?(?: (?!on\b|in\b|at\b|by\b|with\b|and\b|of\b)\w+){{0,2}} {SAY}\b",
    r"\b(?:as|according to|per|by) (?:the |both |all |each )?(?:\w+ )?(?:observers?|descriptions?|"
    r"experts?)\b(?! on\b)|\b(?:observer|expert) (?:[abc]|\d|one|two|three)\b",
    rf"\b(?:based on|judging by|going by|according to) (?:the|these|those|all) (?:\w+ ){{0,2}}{SHOTS}\b|"
    rf"\b{SHOTS} (?:that )?(?:i|we) (?:was|were|have|had|got|received)\b|"
    r"\b(?:images|pictures|stills|photos|frames) (?:supplied|provided|submitted)\b",
    rf"\b(?:sampled|supplied) (?:\w+ )?{SHOTS}\b|\bcaptioned as\b|\b(?:clip|video) (?:runs|lasts) (?:for|about)\b",
    r"\b(?:appears?|seems?|clear|evident|visible|inferred|concluded) (?:from|in|across) (?:the|these) (?:\w+ )?"
    r"(?:screenshots|stills|frames|images)\b",
    r"\b(?:this|the|my|following) (?:response|answer|caption|summary|description|output) (?:will|avoids?|describes?|"
    r"covers?|focus\w+|captures?|sticks?|contains?|lists?|is (?:based|meant|limited|intended))\b",
    r"\b(?:given|provided|supplied) (?:images|pictures|frames|video|clip|photos)\b|\b(?:is|are) disputed\b|"
    r"\bit is disputed\b|\bit can be (?:concluded|inferred)\b|\bper the\b",
    r"(?:\A|[.!?]\s+)(?:looking at|judging by|based on|from) the (?:\w+ )?(?:frames|images|pictures|stills)\b",
    rf"\b(?:third|first|second) (?:observer|expert)\b(?:['’]s)? {SAY}|\b(?:third|first|second) (?:expert|"
    rf"observer)['’]s\b",
    r"\b(?:merged|combined) (?:captions?|descriptions?)\b|\b(?:first|second|third) (?:captions?|"
    r"descriptions?) (?!card|board|on\b|of\b)\w+",
    r"\b(?:points? (?:at issue|of disagreement)|disagreements?|contradictions?)\b|\b(?:two|both|the|"
    r"these) (?:texts|descriptions|drafts)\b(?! (?:of an?|on|in)\b)",
    r"(?:\A|\d\W+|[.!?:]\s+)cannot be (?:seen|told)\b",
    r"\bframes? (?:\d|number|no\.|one|two|three|four|five|six|seven|eight)\b|\b(?:image|picture|still) \d|"
    r"\bfrom frame to frame\b|\bframe[- ]by[- ]frame\b",
    rf"\b(?:the|these|those|all|each|several|provided|given|eight|\d+|sequence of|series of|"
    rf"every) (?:\w+ )?{SHOTS} (?:shows?|depicts?|captures?|illustrates?|"
    r"provided|given|reveals?|portrays?|contains?)\b(?! (?:a |the )?(?:his|her|their))",
    r"(?<!look )(?<!looks )(?<!looking )(?<!peers )(?<!peering )(?<!sees )"
    r"\b(?:in|by|across|over|between|throughout|from|through|among) (?:the|these|all|most|several|some|"
    r"consecutive|successive)(?: of the)? (?:\w+ )?frames\b"
    r"(?! (?:of|on|hang|are|that|with|in)\b)",
    rf"\b(?:in|by|from|through|until) the {NTH}(?: (?:few|two|three))? (?:frames?|images?|stills?|"
    rf"pictures?|screenshots?)\b(?! (?:of|from|on|that|hang|in|to)\b)",
    r"\bsequence of (?:frames|images|pictures|stills)\b|(?:\A|[\s(\[])t ?= ?\d+(?:\.\d+)? ?s\b",
)
"""Talk of what the writer was given: frames, other descriptions, those who wrote them."""

FRAME_NTH = re.compile(rf"\b{NTH}(?: (?:and|or|to)(?: the)? {NTH})? (?:frames?|stills?|screenshots?)\b", re.IGNORECASE)
FRAME_THINGS = re.compile(
    r"\b(?:windows?|doors?|pictures?|photos?|beds?|bikes?|bicycles?|glasses|wood\w*|metal|steel|canvas|bee\w*|honey\w*|"
    r"mirrors?|walls?|glue\w*|nails?|loom|tents?|greenhouse|paint\w*|lens\w*|saws?|hang\w*|cartoon|comics?|film|reel|"
    r"timeline|edit\w*|animat\w*|storyboard|bowl\w*|snooker|climbing|walking)\b",
    re.IGNORECASE,
)
"""What has frames, in a scene where a first and a last one are spoken of."""

VAGUE = _any(
    r"\b(?:difficult|hard|impossible|not possible|not easy) to (?:say|tell|determine|know|"
    r"discern) (?:exactly )?what (?:is|was|happens|the)\b",
    r"\bwithout (?:further|more|additional|any) (?:context|information|details)\b|\bmay or may not\b|"
    r"\bcould be (?:many|several|any)(?:thing)?\b",
    r"\b(?:interactions?|activity|events?|contents?|clip|video|nature of the \w+) (?:cannot|can not|"
    r"can(?:'|’)t|could not) be (?:determined|identified|"
    r"described|discerned|established)\b|\b(?:interaction|activity|event|video|clip|"
    r"content) remains? (?:unclear|unknown|ambiguous)\b",
    r"\binterpret\w* (?:in|the) (?:various|many|different|scene)\b|\bdraw (?:their|"
    r"your|his) own conclusions\b",
    r"\bhuman[- ]object interactions? (?:refers?|is|are|means?|can|involves?|describes?)\b",
    r"\b(?:might|may|could|perhaps|possibly|possible)\b.{0,40}\b(?:something|an? object|some object|objects)\b",
    r"(?:does|doing|interact\w*|engag\w+) (?:with )?(?:something|some object|an object|objects|"
    r"various objects|the object)\b(?! (?:that|which|resembling|like|such|made|called|by)\b)",
    r"lässt sich (?:\w+ )?nicht (?:sagen|feststellen|erkennen|bestimmen)|ohne (?:weiteren?|"
    r"mehr) (?:zusammenhang|kontext)|schwer zu sagen",
    r"il est (?:difficile|impossible) de (?:dire|déterminer|savoir)|sans plus de (?:contexte|détails)|"
    r"on ne peut pas (?:dire|déterminer)",
    r"no se puede (?:determinar|saber|decir)|es (?:difícil|imposible) (?:decir|determinar|saber)|"
    r"sin (?:más|mayor) contexto",
    r"(?:é|è) (?:difícil|impossível|difficile|impossibile) (?:dizer|determinar|saber|dire|determinare|"
    r"stabilire)|(?:sem|senza) (?:mais|ulteriore|altro) cont\w+",
    r"(?:трудно|сложно|невозможно) (?:сказать|определить|понять)|без дополнительного контекста|无法(?:判断|确定|"
    r"得知|看出|辨认)|信息不足|難以判斷",
    r"判断(?:する(?:こと)?)?(?:は|が|も)?(?:困難|でき)|情報が(?:不足|足り)|(?:판단|확인|알)(?:할)? 수 없|"
    r"정보가 부족|belirlemek (?:zor|mümkün)",
)
"""Nothing is said: what happens cannot be told, or could be anything."""
VAGUE_UNDER = 260
"""Characters of an answer up to which that is all that it says; in a longer one it is a detail that cannot be told."""

FAULT = _any(
    r"\A(?:\w*error|\w*exception|traceback|http|fatal|warning)\b[^a-z]{0,3}(?::|\d{3}|\(most)",
    r"\Acuda (?:out of memory|error)|\A\d{3} (?:bad gateway|internal|service|too many|forbidden|not found|"
    r"unauthorized)",
    r"\A(?:rate limit|context length|quota) exceeded|\A(?:request|connection) timed out|"
    r"\A(?:the )?(?:service|server) (?:is )?(?:currently )?unavailable|"
    r"\Asomething went wrong|\Aan error (?:has )?occurred|\b(?:try again later|currently unavailable)\b",
    r"\Aan unexpected error\b|\A(?:internal )?server error\b",
)
"""What a server or a library wrote in the place of a model."""

PLACEHOLDER = _any(
    r"\A(?:the )?(?:first|second)(?: one)? is (?:richer|better|more)\b",
    r"[\[{<(]\s*(?:insert|your|one|a|an|the|short|brief|detailed|final|caption|description|text|answer|"
    r"paragraph|placeholder|person|object|hand|action|"
    r"subject|verb|noun|place)\b[^\]}>)\n]{0,80}[\]}>)]\s*\.?\Z",
    r"\A[\[({<].{1,200}[\])}>]\Z|(?-i:\b(?:PERSON|OBJECT|SUBJECT|ACTION|VERB|NOUN)\b(?= [a-z]|[.,]|\Z))",
    r"\[[^\W\d_][^\]\[\n]{0,60}\]|\{[^\W\d_][^}{\n]{0,60}\}|<[^\W\d_][^><\n]{0,60}>|⟨[^⟩\n]{1,60}⟩|〈[^〉\n]{1,60}〉",
    r"【[^】]{0,40}】|此处|ここに|[○◯△▲□■◇]{2}|[×＊＿]{2}|(?:[○△□×]\w{1,8}){2}|"
    r"(?<![一二三四五六七八九〇])〇{2}(?![年〇一二三四五六七八九])",
    r"(?-i:\$[A-Z]{3,}|%[A-Z_]{3,}%|\b(?:[A-Z]{3,}_(?:[A-Z]{1,12}|\d{1,3})|XX+|YY+)\b)",
    r"\b(?:an?|the|his|her|el|la|un|una|le|une|der|die|das|den|ein|eine|il|lo|o|os|um|uma) (?:\.\.\.|…)(?= )|"
    r"(?:\b(?:an?|the|in|el|la|un|una|le|une|der|die|das|ein|eine|il|um|uma) \([^\W\d_]{3,20}\) .{0,60}){2}",
    r"\bplaceholder\b|\An/a\b|\blorem ipsum\b|\Atodo\b|\$\{?caption\b|\{(?:caption|description|text)\}|"
    r"\bx{3,}\b|_{3,}",
    r"\A(?:your|the|a|one|insert)?\s*(?:short |detailed |final )?(?:description|caption|paragraph|answer|"
    r"text|sentence)(?: (?:goes )?here| of (?:the|a) (?:video )?"
    r"(?:clip|video)| of about \d+ words.*)?[.!]?\Z",
    r"\A(?:the person|somebody|someone) (?:does|interacts with) (?:something|an? object|"
    r"the object)\b.{0,30}\Z|\bobject (?:\d|[A-C])\b",
    r"\Awhat it is about, in a few words\Z|\A(?:verb, as the caption has it)\Z|\Athe (?:claim|first|"
    r"second) (?:is|description)\b|\A[^\W_]{1,40}_\w{1,40}: ",
    r"(?-i:\b(?:[Ss]ubject|[Ll]ocation|[Ii]tem|[Tt]ool|[Aa]gent|[Aa]ction) [A-Z]\b(?! [A-Z]))|"
    r"\((?:name|description|colou?r|objects?|item|type|number|place|action|details?|e\.g\.[^)\n]{0,80})\)|"
    r"\b(?:caption|text|description)\b.{0,20}\bto be (?:added|filled|written|completed|determined)\b",
    r"(?<= )\?{3,}(?= )|\Aone short sentence\b|\A\.\.\..*\.\.\.\Z",
)
"""What stands for a description that is still to be written."""

SPEAKER = re.compile(
    r"\b[Yy]ou(?:r|rs)?\b(?! (?:can )?(?:see|notice))|(?<!War )(?<![\w-])I(?! (?:of|and|or|in|on|is|was|"
    r"by|from|to|at|with|th|begins|ends)\b)(?:['’](?:m|ve|ll|"
    r"d))? (?!(?:can |also )?(?:see|notice|observe|watch|hold|pick|lift|"
    r"cut|open|take|put|place|use|walk|turn|push|pull|grab|wash|stir|pour|reach|move|press|fold)\b)[a-z]+|"
    r"\b(?<![-/])me\b|"
    r"\b[Mm]y (?:answer|analysis|description|knowledge|understanding|response|caption|view|opinion|"
    r"observation|best)\b|"
    r"\b[Ww]e (?:can(?:not)?|will|should|need|must|have|would|could|do|are|were) (?!(?:also )?see)[a-z]+"
)
"""The writer or the reader: a description has neither. What one's own hands do may be told (filmed from the head)."""
FIRST_PERSON = re.compile(r"\b(?:I|my|My|we|We|our|us|you)\b")
ACTOR = re.compile(
    r"\b(?:man|men|wom[ae]n|persons?|people|boys?|girls?|child|children|kids?|bab(?:y|ies)|toddlers?|"
    r"hands?|fingers?|he|she|they|him|her|his|their|someone|"
    r"somebody|nobody|lady|guy|couple|player|dog|cat|robot|arms?|foot|feet|students?|guards?|doctors?|"
    r"nurses?|artists?|technicians?|mechanics?|chefs?|cooks?)\b|"
    r"\b(?:an?|the|by an?) (?:\w+ )?(?!paper|water|number|letter|answer|order|computer|server|filter|"
    r"matter|offer)\w{2,}(?:er|or|ist|ian)\b",
    re.IGNORECASE,
)
"""Who acts in a clip."""
TASK = re.compile(
    r"\b(?:describ\w+|descriptions?|captions?|prompts?|requests?(?:ed)?|ai|models|visual data|"
    r"understanding|irresponsible|refrain|sensitive|inappropriate|"
    r"polic(?:y|ies)|guidelines?|privacy|safety|restrictions?|declin\w+|refus\w+|regret\w*|sorry|"
    r"apolog\w+|unfortunately|regrettably|comply|assist|"
    r"(?:un)?supported|decod\w+|retriev\w+|(?:up|down)load\w*|attach(?:ed|ment)|provided|url|input|task|"
    r"paragraph|instructions?|query|question|minors|"
    r"analy[sz]\w+|(?:un)?available|interpret\w*|comment|abilit(?:y|ies)|capabilit(?:y|ies)|found|"
    r"display(?:ed)?|loaded|received|arrived?|blank|corrupt\w*|"
    r"missing|empty|black|restricted|completed|problem|loading|proceed|fetch\w*|invalid|failed|denied|"
    r"errors?|viewing|processed|accessed|opened|unreadable|inaccessible|expired|viewed|made out|answers?|"
    r"response|verdict|richer|choose|nothing|"
    r"format|information|context|unclear|shared|connection|link|work|played|come through|seen|needed)\b",
    re.IGNORECASE,
)
"""What is said of a task, its input and its refusal."""
EVERYDAY = frozenset(
    [
        "attached",
        "attachment",
        "black",
        "blank",
        "completed",
        "displayed",
        "empty",
        "found",
        "input",
        "loaded",
        "missing",
        "needed",
        "nothing",
        "opened",
        "played",
        "provided",
        "received",
        "seen",
        "work",
    ]
)
"""Of these words those that tell of things as well: they count only where nobody acts in the whole text."""
OF_A_VIDEO = re.compile(
    r"\b(?:video|clip|footage|image)s? (?:shows?|begins?|starts?|opens?|captures?|depicts?|features?|"
    r"ends?)\b|\bin th(?:e|is) (?:video|clip)\b",
    re.I,
)
HEAD = re.compile(r"\A[^:：\n.。!?！？\"“”„«»「」『』]{2,160}(?<!\d)[:：]\s*")
"""A beginning up to a colon."""
OPENER = re.compile(r"\A¡?[^\s,.!，。！、:：\"“„«「『'‘][^,.!，。！、:：]{0,30}[,.!，。！、]\s*(?!と)")
"""A few words up to a comma or the end of a sentence."""
NOTE = _any(
    r"\A[\s\[(*_]*(?:note|notas?|hinweis|anmerkung|bemerkung|remarque|observação|observación|aclaración|avvertenza)\b"
    r"[\s*_]{0,8}:",
    r"\A[\s\[(*_（]*(?:примечание|замечание|注意?|注释|备注|備考|補足|참고|주의|비고|ملاحظة|تنبيه|नोट|टिप्पणी|ध्यान दें)"
    r"[\s*_]{0,8}[:：]",
    r"\A\s*※|\A\W*(?:以上です|이상입니다|以上。)",
    r"\A\W*(?:[^\W\d]+ ){0,2}\d{1,4} ?(?:words|wörter|mots|palabras|parole|palavras|слов\w{0,2}|"
    r"字|単語|단어|كلمة|शब्द)\W*\Z",
    r"\A\W*(?:wortzahl|nombre de mots|número de palabras|numero di parole|字数|文字数|단어 수|количество слов|"
    r"عدد الكلمات|शब्द संख्या)\W*\d{1,4}\W*\Z",
)
"""How a note is called."""
BREAKS = re.compile(r"(?<=[.!?)\]*])\s+|(?<=[。！？।؟])\s*(?=[^\s”’」』》)）\"'])")
SENTENCES = re.compile(r"(?<=[.!?。！？।؟])\s*")
STUTTER = re.compile(r"([^\W\d_])\1{9}|(\S)\2{39}")
"""A letter that a model cannot leave."""
HEAD_SHARE, NOTE_SHARE, ASKED_SHARE = 0.34, 0.34, 0.67
"""Of the words that are no function words, how many tell of something: most that what stands before a description
has, a note behind it, an offer behind it."""
LITTLE, IDLE_SHARE, LITTLE_NEW, VAGUE_SHARE = 0.5, 0.65, 0.34, 0.7
"""As above; fewest that a description has, one in which nobody in particular acts, a sentence that speaks of the task
besides (or a description without the prompt's words), one that says that it cannot tell. Of 1401 good captions none has
less than the first."""
FEWEST_LEFT = 3
"""Words that tell of something, in an answer that lies on the line."""
DOUBT_SHARE, ACTS_SHARE = 0.65, 0.75
SHORT_PROMPT = 30
"""Words of a prompt that asks for one thing; a longer one has words of which captions are made, too."""
MOST_OPEN = 8
"""Words of a caption that may do without a full stop; twice as many where it begins with a small letter."""
QUOTED = re.compile(
    r"\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”|«[^»\n]{1,300}»|「[^」\n]{1,300}」|『[^』\n]{1,300}』|"
    r"„[^“”\n]{1,300}[“”]|(?<![\w])['‘](?=\S)[^'’\n]{1,120}(?:[’'](?:t|s|m|re|ve|ll|"
    r"d)\b[^'’\n]{1,120})*['’](?!\w)"
)
SIGN = re.compile(
    r"\b(?:reads?|reading|says?|saying|label(?:l?ed)?|titled|entitled|words?|printed|written|named|called|"
    r"lettering|inscription|message|"
    r"sign|logo|slogan)[:,]? ((?:[A-Z0-9&][\w'’!?&.-]*(?: |(?=[.,;]))){1,8})|"
    r"\b([Tt]hank[- ]?[Yy]ou)\b(?= (?:card|note|sign|letter|to|with|and|in|on|by))"
)
"""What is written on things, without quotation marks: a row of words with capitals after a word for it."""
ENDS = tuple('.!?…。！？।؟॥"”’)»」』')
ELLIPSIS = re.compile(r"(?:\.\.\.|…)\Z")
"""A sentence that is left open. In quotation marks it ends otherwise."""
OPEN_ENDS = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "of",
        "at",
        "to",
        "from",
        "with",
        "into",
        "onto",
        "by",
        "for",
        "as",
        "while",
        "which",
        "that",
        "who",
        "whose",
        "where",
        "when",
        "not",
        "does",
        "do",
        "did",
        "can",
        "will",
        "very",
        "than",
        "if",
        "because",
        "his",
        "her",
        "its",
        "their",
        "he",
        "she",
        "they",
        "is",
        "are",
        "was",
        "has",
        "have",
        "until",
        "this",
        "these",
        "between",
        "toward",
    ]
)
"""English words that no sentence ends with."""

EXCUSES = re.compile(
    "|".join(
        (
            r"抱歉|对不起|對不起|我(?:无法|無法|不能|没有|看不到)|没有(?:收到|提供|看到)|作为(?:一个)?(?:人工智能|AI|语言模型)",
            r"申し訳|すみません|(?:説明|回答|対応)(?:することは)?できません|提供されていません|"
            r"죄송|미안|(?:설명|제공|도와)\S{0,6} 수 없",
            r"\b(?:lo siento|lamento|lamentablemente|no puedo (?:ayudar|describir|ver|proporcionar)|disculp[ae],|"
            r"como (?:modelo|una? ia))",
            r"\b(?:je suis désolé|désolé|je ne (?:peux|suis|vois)|je n'ai pas|en tant qu)|\b(?:es tut mir leid|"
            r"tut mir leid|entschuldigung|"
            r"leider (?:kann|ist|sind|wurde|habe)|ich (?:kann|sehe|habe|darf) (?:das|dies|diese[ns]?|keine?n?|"
            r"leider|nicht|dabei|es)|als (?:ki|sprachmodell))",
            r"\b(?:desculpe|lamento|não (?:consigo|posso) (?:descrever|ajudar|ver)|mi dispiace|spiacente|"
            r"non posso (?:descrivere|aiutar|vedere))",
            r"\b(?:het spijt me|helaas|tyvärr|beklager|desværre|anteeksi|valitettavasti|przepraszam|niestety|"
            r"omlouvám|bohužel|sajnálom|"
            r"îmi pare rău|üzgünüm|maalesef|maaf|xin lỗi|paumanhin|samahani)",
            r"(?:извините|простите|к сожалению|я не могу|вибачте|на жаль|съжалявам)|λυπάμαι|συγγνώμη|מצטער|عذر|"
            r"آسف|لا أستطيع|متأسف|متاسف|क्षमा|माफ़|खेद|ขออภัย|ขอโทษ",
        )
    ),
    re.IGNORECASE,
)
"""Excuses in other languages than English."""


PERSONS: Mapping[str, re.Pattern[str]] = {
    language: re.compile(pattern, re.IGNORECASE)
    for language, pattern in (
        (
            "de",
            (
                r"\b(?:ich|mir|mich|du|dir|dich|euch|(?-i:Ihnen|Ihre Anfrage))\b|\bbitte (?:lade|laden|sende|senden|"
                r"schick|gib|geben)\w*"
            ),
        ),
        ("fr", r"\b(?:je|moi|vous|votre|vos|toi)\b|\bj['’]|\bon m['’]a\b|\bm['’]ont\b|\bveuillez\b"),
        (
            "es",
            (
                r"\b(?:yo|me han?|espero|avísame|puedo|puedes|podrías|podría usted|usted|gusto te|te|conmigo|contigo|"
                r"he recibido|claro que sí)\b"
            ),
        ),
        (
            "pt",
            r"\b(?:eu|me (?:foi|foram)|você|vocês|posso|espero|gostaria|claro que sim)\b|"
            r"\bpor favor,? (?:envie|carregue|forneça)",
        ),
        ("it", r"\b(?:io|mi (?:è|sono|hanno)|posso|spero|puoi|vuoi|potresti|certamente!|per favore)\b"),
        ("nl", r"\b(?:ik|mij|jij|jou|jouw|alstublieft)\b"),
        ("sv", r"\b(?:jag|mig|du|dig)\b"),
        ("pl", r"\b(?:mogę|mam nadzieję|proszę|daj znać)\b"),
        ("tr", r"\b(?:lütfen|size|sizin|umarım)\b|\w[ıiuü]yorum\b"),
        ("ru", r"\b(?:я|мне|меня|вам|вас|вы|ваш\w*|могу|помогу|надеюсь|пожалуйста|дайте знать)\b"),
        ("uk", r"\b(?:я|мені|мене|вам|вас|ви|ваш\w*|можу|сподіваюся|будь ласка)\b"),
        ("zh", r"(?<!自)我(?!们(?:可以|能)?看)|您|你|请(?:上传|提供|重新|再|发送|注意)"),
        ("ja", r"私|ください|でしょうか|いただけ|お知らせ|かしこまりました|承知し|以下に|添付されて|申し訳"),
        ("ko", r"물어보세요|말씀해|제가|저는|당신|주세요|드리겠|시겠|물론입니다"),
        ("ar", r"أعتذر|أملك|سأقوم|لدي\b|يرجى|من فضلك|أستطيع|يمكنني|أنا\b|بالتأكيد"),
        ("hi", r"कृपया|मैं|मुझे|आपक|आपको"),
        ("vi", r"\b(?:tôi|bạn|vui lòng|xin)\b"),
        ("id", r"\b(?:saya|anda|silakan|mohon)\b"),
    )
}
"""The writer and the reader in other languages than English: a description has neither in any."""
OWN = re.compile(
    r"\b(?:ich|mir|mich|je|moi|yo|eu|io|ik|jag|я|мне|меня)\b|\bj['’]|我们?|私|제가|저는|أنا\b|मैं", re.IGNORECASE
)
"""The writer, who may be the one who acts: what is filmed from the head."""
FRAMES = _any(
    r"\b(?:image|imagen|immagine|imagem|bild|quadro|foto|fotograf[iíai]a|изображени[ие]|снимк[еу]|снимок|кадр)\s?\d",
    r"(?:图片?|图像|圖片|画像|写真|이미지|사진|الصورة|الإطار|اللقطة|चित्र|तस्वीर|फ्रेम|फ़्रेम)\s?(?:第|رقم )?\d",
    r"\beinzel(?:bild|aufnahm)\w*|\bfotogram\w+|视频帧|視頻幀|关键帧|フレーム\s?\d|프레임\s?\d|\bкадр(?:е|ах|ы|а)? \d",
    r"第[一二三四五六七八九十\d]{1,4}(?:帧|幀|张图|張圖|枚目|フレーム|幅图)|[一二三四五六七八九十\d]{1,4}枚目の(?:画像|写真)|"
    r"(?:最初|最后|最後|前[一二三几\d]|后[一二三几\d]|每一|各|几)个?(?:帧|张图|幅图)",
    r"(?:最初|最後|次|各|冒頭|途中|[一二三四五六七八九十\d]番目|提供された|与えられた)の?(?:フレーム|コマ|画像)(?:で|に|から|を見)",
    r"(?:첫|두|세|네|마지막|다음|각|제공된|주어진) ?(?:번째)? ?(?:프레임|이미지|사진)(?:에서|에는|을 보면|들)",
    r"\b(?:dans|sur|en|nell[ae]|na|nas|no|nos|in) (?:la |las |les |le |el |los |l['’])?(?:premi(?:er|ère)|deuxième|"
    r"troisième|derni[eè]re?|suivante?|primer[ao]?|segund[oa]|tercer[ao]?|últim[oa]|siguiente|prim[aeio]|second[aeio]|"
    r"terz[aeio]|ultim[aeio]|successiv[aeio]|primeir[oa]|terceir[oa]|seguinte)s? "
    r"(?:images?|imagen|imágenes|immagin[ei]|imagem|imagens|quadros?|trames?|vues?)\b",
    r"\b(?:im|in de[nm]|auf de[nm]) (?:ersten|zweiten|dritten|vierten|fünften|letzten|nächsten|folgenden|anderen) "
    r"(?:bild(?:ern)?|frames?|aufnahmen?)\b|\bauf den bildern (?:ist|sind|sieht)\b|"
    r"\b(?:basierend auf|anhand|laut|gemäß) (?:den|der) (?:\w+ )?bildern?\b",
    r"\b(?:selon|d['’]après|según|secondo|segundo|de acordo com|con base en|com base) "
    r"(?:les|las|los|le|gli|nas?|as|os) "
    r"(?:\w+ )?(?:images|imágenes|immagini|imagens)\b",
    r"\b(?:на|в|по) (?:перв|втор|треть|последн|следующ|предоставленн|отдельн)\w+ (?:кадр|снимк|изображени)\w*",
    r"(?:الإطار|الإطارات|اللقطة|اللقطات) (?:الأول|الثاني|الثالث|الرابع|الأخير|التالي|المقدم|المعطا)\w*",
    r"(?:पहले|दूसरे|तीसरे|अंतिम|आखिरी|अगले|दिए गए) (?:फ्रेम|फ़्रेम)",
    r"\b(?:erste|zweite|beide|andere)n? beschreibung(?:en)?\b|\b(?:première|deuxième|"
    r"les deux) descriptions?\b|\b(?:primera|segunda|ambas) descripci\w+",
    r"(?:两|兩|第一|第二)(?:个|個|份|段)?描述|(?:первое|второе|оба) описани",
)
"""Talk of frames and descriptions in other languages than English."""


def words_of(text: str, *, own: str = "", language: str = "") -> _Words:
    """What an answer comes to, as the description of a clip.

    Args:
        text: as the expert wrote it.
        own: the prompt without what was filled into it, which no description repeats.
        language: two letters, of the language that was asked for; "" for that of `own`.
    """
    text = text[:MOST_CHECKED]
    asked, runs = _of_prompt(own)
    wanted = language or asked
    bare, wrong, doubts = _bare(text)
    if wrong:
        return _Words("", "malformed", wrong)
    bare = _without_head(bare, wanted)
    if not bare:
        return _Words("", "malformed", f"a beginning without a description: it wrote {text.strip()[:80]!r}")
    bare, notes = _without_notes(bare, wanted)
    if notes and (SORRY.search(notes) or MISSING.search(notes) or EXCUSES.search(notes)):
        return _Words("", "refused", f"an excuse behind the description: it wrote {notes[:80]!r}")
    bare_of_signs = SIGN.sub(
        lambda found: found.group().removesuffix(found.group(1) or found.group(2)), QUOTED.sub(" ", bare)
    )
    unquoted = unicodedata.normalize("NFKC", bare_of_signs if bare_of_signs.strip(" .!?,") else bare)
    shown = repr(bare[:80])
    tokens = languages.words_in(bare)
    if not tokens:
        return _Words("", "malformed", f"no words: it wrote {text.strip()[:80]!r}")
    if FAULT.search(unquoted):
        return _Words("", "malformed", f"an error in the place of words: it wrote {shown}")
    if PLACEHOLDER.search(bare if _mostly_quoted(bare, unquoted) else unquoted):
        return _Words("", "malformed", f"a placeholder: it wrote {shown}")
    if _repeats(tokens, runs):
        return _Words("", "malformed", f"the prompt given back: it wrote {shown}")
    for pattern, what in (
        (SORRY, "an excuse"),
        (EXCUSES, "an excuse"),
        (MISSING, "it asks for something, or saw nothing"),
    ):
        if found := pattern.search(unquoted):
            return _Words("", "refused", f"{what} ({found.group().strip()[:40]!r}): it wrote {shown}")
    alone = ACTOR.search(unquoted) is None
    for sentence in filter(None, re.split(r"(?<=[.!?。！？])\s+", unquoted)):
        if _of_the_task(sentence, alone=alone):
            return _Words("", "refused", f"it speaks of its task: it wrote {sentence[:80]!r}")
    addressed = PERSONS.get(wanted)
    if addressed is not None and (person := _spoken(unquoted, addressed, wanted)):
        return _Words("", "refused", f"it speaks of itself or to its reader ({person!r}): it wrote {shown}")
    for pattern, what in (
        (FRAMES, "it speaks of what it was given"),
        (ALOUD, "it thinks aloud"),
        (SPEAKER, "it speaks of itself or to its reader"),
        (SOURCES, "it speaks of what it was given"),
    ):
        if found := pattern.search(unquoted):
            return _Words("", "malformed", f"{what} ({found.group().strip()[:40]!r}): it wrote {shown}")
    if little := _says_little(bare, wanted, bland.stems(own)):
        return _Words("", "malformed", f"{little}: it wrote {shown}")
    if again := _loop(bare if _mostly_quoted(bare, unquoted) else unquoted):
        return _Words("", "malformed", f"{again}: it wrote {shown}")
    if (frame := FRAME_NTH.search(unquoted)) and not FRAME_THINGS.search(unquoted):
        return _Words("", "malformed", f"it speaks of what it was given ({frame.group()!r}): it wrote {shown}")
    parts = [part.strip() for part in re.split(r"[,;#\n]", bare) if part.strip()]
    key_words = len(parts) >= 3 and not bare.rstrip().endswith(ENDS) and all(len(part.split()) <= 3 for part in parts)
    if len(tokens) < (FEWEST if bare.endswith(ENDS) else FEWEST + 2) or key_words:
        return _Words("", "malformed", f"no sentence: it wrote {shown}")
    if unquoted.strip().endswith(("?", "？", "؟")) and not re.search(r"[.。।]", unquoted):
        return _Words("", "malformed", f"a question: it wrote {shown}")
    if other := languages.other_than(unquoted, wanted) or bland.switched(unquoted, wanted):
        return _Words("", "malformed", f"{other}: it wrote {shown}")
    if not bare.endswith(ENDS) or ELLIPSIS.search(bare):
        if _cut(bare, tokens, wanted):
            return _Words("", "truncated", f"it ends in the middle of a sentence: {bare[-80:]!r}")
        doubts.append("does not end in a sentence")
    doubts += ["a note behind the description was taken off"] if notes else []
    if (
        (left := bland.left_of(QUOTED.sub(" qq ", bare), wanted))
        and left.share < DOUBT_SHARE
        and left.vague + left.task
    ):
        doubts.append("says little")
    doubts += ["a list of times"] if STAMPS.search(unquoted) else []
    doubts += ["few words"] if len(tokens) < SHORT else []
    doubts += ["speaks of its writer"] if FIRST_PERSON.search(unquoted) else []
    doubts += ["speaks of the video"] if OF_A_VIDEO.search(unquoted) else []
    return _Words(bare, doubts=tuple(doubts))


def declines(text: str) -> str:
    """Why an answer about points of a clip is an excuse; "" when it is an answer, "cannot be seen" among them."""
    if ITEM.match(text.strip()) or re.search(r"\b(?:not visible|cannot be (?:seen|told))\b", text, re.IGNORECASE):
        return ""
    bare = QUOTED.sub(" ", text)
    honest = re.search(
        rf"\bi (?:cannot|can(?:'|’)?t|could not) (?:see|tell|make out)\b(?!.{{0,12}}\b{MEDIA}\b)", bare, re.IGNORECASE
    )
    found = None if honest else SORRY.search(bare) or EXCUSES.search(bare) or MISSING.search(bare)
    return f"it wrote {text.strip()[:80]!r}" if found else ""


def without_thoughts(text: str) -> str:
    """The text after thoughts at its beginning; "" when they never end. Servers may leave out their opening tag."""
    text = text.strip()
    while (found := THOUGHTS.match(text)) is not None:
        text = text[found.end() :].strip()
    if THINKING.match(text):
        return ""
    for tag in ("</think>", "</thinking>", "◁/think▷"):
        before, found_tag, after = text.partition(tag)
        if found_tag and tag.replace("/", "") not in before:
            return after.strip()
    return text


def paragraph(text: str) -> str:
    """One paragraph, single spaces, without a lead-in, emphasis marks or quotation marks around the whole."""
    words = text.replace("**", "").strip()
    while (cut := LEAD_IN.sub("", words).strip()) != words and cut:
        words = cut
    words = " ".join(words.split())
    pairs = ('""', "“”", "``", "''", "**", "__")
    if len(words) > 1 and words[0] + words[-1] in pairs and words.count(words[0]) <= 2:
        words = words[1:-1].strip()
    return words


def placeholders(prompt: str, answer: Any) -> str:
    """The field of an answer in JSON that holds what the prompt's own example has there; "" when none does.

    Three words or more tell; fewer (an example may be a real one) only where the whole answer is the example.

    Args:
        prompt: as it was asked.
        answer: JSON types.
    """
    example = {
        (key, value.casefold())
        for key, value in re.findall(r'"(\w+)": "([^"\n]+)"(?! or )', prompt)
        if not re.search(rf'"{key}": (?:"[^"\n]*" or )+"{re.escape(value)}"', prompt)
    }
    leaves = [(key, value) for key, value in _leaves(answer) if value.strip()]
    same = [(key, value) for key, value in leaves if (key, value.strip().casefold()) in example]
    whole = len(same) > 1 and len(same) == len(leaves)
    return next((f'{key}: "{value}"' for key, value in same if whole or len(value.split()) > 2 or value == "..."), "")


def _leaves(answer: Any, key: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(answer, Mapping):
        for name, value in answer.items():
            yield from _leaves(value, name)
    elif isinstance(answer, list):
        for value in answer:
            yield from _leaves(value, key)
    elif isinstance(answer, str):
        yield key, answer


def _bare(text: str) -> tuple[str, str, list[str]]:
    """The text without marks, fences, headings and lead-ins; why it is none; doubts."""
    bare = without_thoughts(text)
    if not bare:
        return "", "thoughts without an answer" if text.strip() else "an empty answer", []
    bare = re.sub(
        r"\A(?:\s*<\|(?:im_start|start)\|>\s*\w*\s*|\s*<start_of_turn>\s*\w*\s*|\s*<\|channel\|>\w+<\|message\|>)+",
        "",
        bare,
    )
    bare = MARKS.sub(" ", TURN_ENDS.split(bare, maxsplit=1)[0]).strip()
    if fenced := FENCE.match(bare):
        if fenced.group(2).lower() not in ("", "text", "txt", "markdown", "md", "plaintext"):
            return "", f"a block of {fenced.group(2)}", []
        bare = fenced.group(3).strip()
    if bare[:1] in "{[" and _is_json(bare):
        return "", f"JSON in the place of words: it wrote {bare[:80]!r}", []
    doubts: list[str] = []
    lines = [line.strip() for line in bare.splitlines() if line.strip()]
    kept = [line for line in lines if not HEADING.match(line)]
    headings = [line for line in lines if HEADING.match(line) and any(letter.isalnum() for letter in line)]
    items = [ITEM.sub("", line) for line in kept]
    listed = sum(one != other for one, other in zip(items, kept, strict=True))
    fields = sum(FIELD.match(line) is not None for line in items)
    sections = sum(CLOSER.search(line.strip("#*_ ")) is None for line in headings)  # others only close the text
    if (
        sections > 1
        or (fields > 1 and fields == len(items))
        or sum(FIELD.match(line) is not None and len(line.split(":")[0].split()) < 3 for line in items) > 1
        or len(POINTS.findall(bare)) > 1
    ):
        return "", f"headings in the place of a paragraph: it wrote {bare[:80]!r}", []
    if listed and listed >= len(kept) - 1:
        if not all(line.endswith(ENDS) for line in items):
            return "", f"a list of words: it wrote {bare[:80]!r}", []
        doubts.append("was a list")
        kept = items
    if any(line.count("|") > 2 for line in kept):
        return "", f"a table: it wrote {bare[:80]!r}", []
    bare = paragraph("\n".join(kept))
    left = LEFT_OVER.search(TAG_QUOTED.sub(" ", bare)) or (re.search(r"\{\s*[\"']\w+[\"']\s*:", bare))
    if left:
        return "", f"marks that are no words ({left.group()[:20]!r}): it wrote {bare[:80]!r}", []
    return bare, "", doubts


def _of_the_task(sentence: str, *, alone: bool) -> bool:
    """Whether a sentence in which nobody acts tells of the task: its input, its words, its refusal.

    Args:
        sentence: without what it quotes.
        alone: nobody acts in the whole text.
    """
    if ACTOR.search(sentence):
        return False
    told = {found.casefold() for found in TASK.findall(sentence)} - (frozenset() if alone else EVERYDAY)
    media = re.search(rf"\b(?:{MEDIA}|media|content|material|url)\b", sentence, re.IGNORECASE) is not None
    denied = re.search(rf"\b(?:no|nothing|cannot|unable|{NOT}|too|un\w+ed|only)\b", sentence, re.IGNORECASE) is not None
    points = len(told) + media + denied
    return points >= (3 if alone else 4) or (alone and media and len(told) > 0 and len(sentence.split()) < 9)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return re.match(r"[\[{]\s*[\"'{\]}]", text) is not None
    return True


def _without_notes(text: str, language: str) -> tuple[str, str]:
    """The text without closing words of a chat, and those."""
    starts = [0, *(found.end() for found in BREAKS.finditer(text) if not text[found.end() : found.end() + 1].islower())]
    parts = [text[one:other] for one, other in zip(starts, [*starts[1:], len(text)], strict=True)]
    kept = len(parts)
    for at in range(len(parts) - 1, 0, -1):
        if CLOSER.search(parts[at].strip("*_ -–—\n")) or _is_note(parts[at], language):
            kept = at
        elif at < kept - 1:
            break
    last = re.sub(
        r"\s?[\[(*]{1,3}(?:word count|words|\d{1,9} words|end of)\b[^\])]{0,40}[\])*]{1,3}\.?\Z",
        "",
        "".join(parts[:kept]).rstrip(),
        flags=re.I,
    )
    last = last.strip().removesuffix("---").strip()
    return last, text[len(last) :].strip() if last != text else ""


def _is_note(sentence: str, language: str) -> bool:
    """Whether a sentence behind a description speaks of the task and of little else, or is called a note."""
    if NOTE.search(sentence):
        return True
    if SOURCES.search(sentence) or SORRY.search(sentence) or (language == "en" and ACTOR.search(sentence)):
        return False
    words = QUOTED.sub(" qq ", sentence)
    asks = words.rstrip().endswith(("?", "？", "؟"))
    thanks = (found := OPENER.match(words)) is not None and bland.is_polite(found.group().split()[0], language)
    most = ASKED_SHARE if asks or thanks else NOTE_SHARE
    left = bland.left_of(words, language)
    return left is not None and left.said > 2 and left.task > bool(left.words and not asks) and left.share <= most


@functools.lru_cache(16)
def _of_prompt(own: str) -> tuple[str, frozenset[tuple[str, ...]]]:
    """The language of a prompt, and all runs of words in it."""
    words = languages.words_in(own)
    return languages.language_of(own), frozenset(_runs(words))


def _runs(words: Sequence[str], length: int = 5) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + length]) for at in range(len(words) - length + 1)]


def _mostly_quoted(bare: str, unquoted: str) -> bool:
    """Whether hardly anything stands outside of quotation marks: they are the answer's own, then."""
    return len(unquoted.split()) < 0.3 * len(bare.split()) or not unquoted.strip(" .!?,")


def _without_head(text: str, language: str) -> str:
    """The text without what stands before the description, in any language whose bland words are known.

    That is a beginning up to a colon that speaks of the task and of little else, and short words of politeness.
    """
    for _ in range(3):
        found = OPENER.match(text)
        if found and bland.is_polite(found.group(), language):
            text = text[found.end() :].strip()
            continue
        found = HEAD.match(text)
        left = bland.left_of(found.group(), language) if found and not ALOUD.search(found.group()) else None
        if found and left and left.task and (left.share <= HEAD_SHARE or max(left.words, left.said - 2) < 2):
            text = text[found.end() :].strip()
            continue
        break
    return text


def _spoken(text: str, persons: re.Pattern[str], language: str) -> str:
    """The first word of the writer or the reader; "" where there is none, or where the writer's own hands act."""
    for sentence in SENTENCES.split(text):
        found = persons.search(sentence)
        if found is None:
            continue
        left = bland.left_of(sentence, language)
        acts = left is not None and not left.task and left.words > 2 and left.share >= ACTS_SHARE
        if not acts or persons.search(OWN.sub(" ", sentence)):
            return found.group()
    return ""


def _says_little(text: str, language: str, asked: frozenset[str] = frozenset()) -> str:
    """Why a text describes nothing, or a sentence of it speaks of the task: too little is left without bland words.

    Args:
        text: what it quotes counts as a word.
        language: two letters.
        asked: the beginnings of the prompt's words.
    """
    text = QUOTED.sub(" qq ", text)
    whole = bland.left_of(text, language)
    if whole is None:
        return "it says nothing" if len(text) < VAGUE_UNDER and VAGUE.search(text) else ""
    if whole.said > 2 and (whole.share < LITTLE or (whole.share <= LITTLE and whole.words < FEWEST_LEFT)):
        return "it speaks of its task" if whole.task > 1 else "it says nothing"
    if whole.task and len(asked) < SHORT_PROMPT:
        left = bland.left_of(text, language, asked)
        if left is not None and left.share < LITTLE_NEW:
            return "the prompt in other words"
    if whole.share < IDLE_SHARE and not whole.acted and " qq " not in text and (whole.doubted or whole.task):
        return "it speaks of its task" if whole.task else "it says nothing"
    if whole.share <= VAGUE_SHARE and VAGUE.search(text):
        return "it says nothing"
    for sentence in SENTENCES.split(text):
        left = bland.left_of(sentence, language)
        if left is not None and left.task > 1 and left.said > 2 and left.share <= LITTLE_NEW:
            return f"it speaks of its task ({sentence.strip()[:40]!r})"
    return ""


def _cut(text: str, tokens: Sequence[str], language: str) -> bool:
    """Whether a text that does not end like a sentence was cut; a short one without a full stop is none.

    Who writes without full stops writes small letters at the beginning, too, where there are any.
    """
    stops = re.search(r"[.,;:!?，、。；！？،]", text[:-1]) is not None
    if ELLIPSIS.search(text) or text[-1] in ",;:-–—，、(" or stops:
        return True
    known = bland.tables(language)
    if tokens[-1] in OPEN_ENDS if language == "en" else known is not None and tokens[-1] in known.dangling:
        return True
    most = MOST_OPEN if not text[0].islower() else 2 * MOST_OPEN
    dense = sum(len(token) == 1 for token in tokens) > len(tokens) / 2  # letters are counted, two for a word
    return len(tokens) > (2 * most if dense else most)


def _repeats(tokens: Sequence[str], asked: frozenset[tuple[str, ...]]) -> bool:
    """Whether an answer is made of the prompt's own words: ten in a row, or three in ten runs of five."""
    same = [run in asked for run in _runs(tokens)]
    longest = count = 0
    for each in same:
        count = count + 1 if each else 0
        longest = max(longest, count)
    return longest >= 6 or (sum(same) >= 3 and sum(same) >= 0.3 * len(same))


def _loop(text: str) -> str:
    """How a text goes round in circles; "" when it does not."""
    if STUTTER.search(text):
        return "the same letter again and again"
    plain = ["#" if token.isdigit() else token for token in languages.words_in(text)]
    for length in range(1, min(40, len(plain) // 3) + 1):
        times = 5 if length < 4 else 4 if length < 5 else 3
        row = 0
        for at in range(length, len(plain)):
            row = row + 1 if plain[at] == plain[at - length] else 0
            if row >= length * (times - 1) and (length > 1 or plain[at] != "#"):  # figures stand on things
                return "the same words again and again"
    sentences = [" ".join(languages.words_in(part)) for part in re.split(r"[.!?。！？;]+", re.sub(r"\d+", "#", text))]
    sentences = [sentence for sentence in sentences if sentence]
    if len(sentences) >= 4 and len(set(sentences)) <= len(sentences) / 2:
        return "the same sentences again and again"
    pairs = list(pairwise(plain))
    if len(pairs) >= 10 and len(set(pairs)) < 0.5 * len(pairs):
        return "few words, again and again"
    return ""
