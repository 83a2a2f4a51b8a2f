"""An answer in words is a description, or it is said why it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hoigen.models.experts import bland, languages
from hoigen.models.experts.answers import declines, placeholders, without_thoughts, words_of
from hoigen.models.experts.prompts import render

ANSWERS = Path(__file__).parents[3] / "benchmarks" / "answers"
WORKED = [json.loads(line) for line in (ANSWERS / "worked.jsonl").read_text(encoding="utf-8").splitlines()]
DESCRIBE = render("describe")
KNOWN = {
    "The sequence starts with a shot of a hand and ends with a shot of a cup; in between, nothing is sampled.",
    "En la primera toma la puerta está cerrada y en la última, abierta, según los cuadros recibidos.",
    "Женщина раскатывает тесто скалкой и вырезает стаканом круг",
    "Name: grasp. Name: object. Name: goal.",
    "Note to reviewer: hands occluded in half of the frames.",
    "Observations: hands visible, tool visible, no face.",
    "Output format: plain text. A boy swings a bat.",
    "Of course, here it comes.",
}
"""What is taken for a description, and is none."""
REFUSED = {"person riding a horse"}
"""A description that is taken for none."""


def found(text: str, language: str = "en") -> Any:
    return words_of(
        text.replace("@SYSTEM", DESCRIBE.system).replace("@USER", DESCRIBE.text), own=DESCRIBE.own, language=language
    )


def found_in(row: dict[str, str]) -> Any:
    return words_of(row["answer"], own=row["prompt"]) if "prompt" in row else found(row["answer"])


@pytest.mark.parametrize("kind", sorted({row["kind"] for row in WORKED}))
def test_every_answer_of_the_working_set_is_judged_rightly(kind: str) -> None:
    for row in (row for row in WORKED if row["kind"] == kind and row["answer"] not in KNOWN | REFUSED):
        words = found_in(row)
        if row["right"] == "none":
            assert words.outcome != "answered", row["answer"]
            assert words.reason
            assert words.text == ""
        else:
            assert words.outcome == "answered", (row["answer"], words.reason)
        if row["right"] not in ("none", "kept"):
            assert words.text == row["right"]


def test_what_is_known_to_be_missed_is_still_missed() -> None:
    """So that the list above stays true."""
    judged = {row["answer"]: found_in(row).outcome for row in WORKED if row["answer"] in KNOWN | REFUSED}
    assert {text for text, outcome in judged.items() if outcome == "answered"} == KNOWN
    assert set(judged) == KNOWN | REFUSED


@pytest.mark.parametrize("name", ["heldout.jsonl", "unseen.jsonl", "third.jsonl"])
def test_other_answers_are_judged_as_the_page_says(name: str) -> None:
    rows = [json.loads(line) for line in (ANSWERS / name).read_text(encoding="utf-8").splitlines()]
    ends = [(row["good"], words_of(row["answer"], own=row["prompt"])) for row in rows]
    kept = [words.outcome == "answered" for good, words in ends if good]
    as_it_stands = [
        words.outcome == "answered" and len(words.text) >= 0.97 * len(" ".join(row["answer"].split()))
        for row, (good, words) in zip(rows, ends, strict=True)
        if not good
    ]
    assert sum(kept) / len(kept) >= 0.98
    assert sum(as_it_stands) / len(as_it_stands) <= 0.05


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Lo siento, no puedo describir este clip.", "refused"),
        ("很抱歉，我不能描述这段视频，请换一段。", "refused"),
        ("This clip shows something. I'm sorry, I can't help with it.", "refused"),
        ("A woman stands at the stove and lifts the", "truncated"),
        ("The person lifts the pan. " * 30, "malformed"),
        ("Une femme soulève une poêle noire de la cuisinière.", "malformed"),
    ],
)
def test_the_outcome_says_what_kind_of_answer_it_is(text: str, outcome: str) -> None:
    assert found(text).outcome == outcome


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("A woman lifts a pan from the stove", "does not end in a sentence"),
        ("Hands knead dough.", "few words"),
        ("The video shows a man who plays the guitar on a bench.", "speaks of the video"),
        ("We see a man lift a barbell and drop it on the mat again.", "speaks of its writer"),
        ("[0:00 - 0:02] A woman lifts a pan. [0:02 - 0:05] She sets it on a board.", "a list of times"),
        ("0.0s-1.5s: a woman lifts a pan. 1.5s-3s: she sets it on a board.", "a list of times"),
        ("A woman lifts a pan from the stove.\n\nLet me know!", "a note behind the description was taken off"),
    ],
)
def test_what_is_doubtful_is_kept_and_says_why(text: str, doubt: str) -> None:
    words = found(text)
    assert words.outcome == "answered"
    assert doubt in words.doubts


@pytest.mark.parametrize(
    "text",
    [
        "print('A woman lifts a pan from the stove.')",
        "import cv2\nclip = cv2.VideoCapture('a.mp4')\nA woman lifts a pan.",
        'return "A woman lifts a pan from the stove."',
        "const caption = 'A woman lifts a pan from the stove.';",
        "\x1b[31mA woman lifts a pan from the stove.",
        "A woman lifts a \u202epan from the stove.",
        "A \ud83d woman lifts a pan from the stove.",
    ],
)
def test_code_and_signs_that_nobody_sees_are_no_description(text: str) -> None:
    assert found(text).outcome == "malformed"
    clock = "The clock on the oven reads 12:30. A woman lifts a pan (black) from the stove."
    assert found(clock).doubts == ()


def test_the_language_asked_for_is_that_of_the_prompt_or_the_one_that_is_named() -> None:
    german = "Eine Frau hebt mit der rechten Hand eine schwarze Pfanne vom Herd und stellt sie auf ein Brett."
    assert found(german, "").reason.startswith("language de, where en was asked for")
    assert found(german, "de").text == german
    own = "Beschreibe das Video in einem Absatz. Sage, wer was womit macht, und wo."
    assert words_of(german, own=own).text == german
    assert words_of("A woman lifts a pan from the stove.", own=own).reason.startswith("language en")
    assert found("女性が右手で黒いフライパンをコンロから持ち上げる。", "ja").outcome == "answered"
    assert languages.other_than("A woman 正在把锅放到炉子上 and turns.", "en").startswith("Cjk letters")


PROMPTS = {row["language"]: row["prompt"] for row in WORKED if "prompt" in row}


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "It is left open who handles which item, and whether the object changes at all."),
        ("en", "A caption in one paragraph that mentions the objects and how people interact with them."),
        ("de", "Was die Person mit dem Gegenstand macht, lässt sich anhand der Aufnahme nicht klar bestimmen."),
        ("fr", "La demande est de décrire en un paragraphe ce que font les personnes avec les objets."),
        ("es", "No se puede proporcionar una descripción del contenido de este archivo."),
        ("it", "Il testo descrive in un paragrafo l'interazione tra la persona e l'oggetto."),
        ("pt", "Parece que alguém faz alguma coisa, mas o vídeo não permite saber o quê."),
        ("ru", "В этом тексте описано, как человек взаимодействует с предметом."),
        ("zh", "以上文字描述了视频中人物与物体的互动。"),
        ("ja", "人物が何かの物体を使用しているようですが、詳細は確認できません。"),
        ("ko", "이 글은 영상에서 사람이 물체를 사용하는 방식을 설명합니다."),
        ("ar", "لا يمكن تحديد ما يفعله الشخص في هذا المقطع."),
        ("hi", "इस वीडियो में व्यक्ति क्या कर रहा है, यह स्पष्ट नहीं है।"),
    ],
)
def test_of_an_answer_that_describes_nothing_little_is_left_without_bland_words(language: str, sentence: str) -> None:
    left = bland.left_of(sentence, language)
    assert left is not None
    assert left.share < 0.5
    assert words_of(sentence, own=PROMPTS[language]).text == ""


def test_what_a_description_tells_is_left() -> None:
    left = bland.left_of("A person uses a long pole to push the raft away from the bank.", "en")
    assert left == bland.Left(words=6, vague=2, task=0, doubted=False, said=14, acted=False)
    assert bland.left_of("Een man snijdt brood.", "nl") is None
    assert bland.left_of("Nobody but a driver waits.", "en").acted  # type: ignore[union-attr]
    stems = bland.stems("Focus on hands and tools.")
    told = bland.left_of("Hands and tools are the focus.", "en", stems)
    assert told is not None
    assert told.words == 0


@pytest.mark.parametrize(
    ("language", "answer", "text"),
    [
        ("de", "Gern! Hier die Beschreibung des Videos: Ein Mann sägt.", "Ein Mann sägt."),
        ("es", "Claro, esta es la descripción: Un hombre corta leña.", "Un hombre corta leña."),
        ("ko", "네, 영상 설명입니다: 한 남자가 나무를 자른다.", "한 남자가 나무를 자른다."),
        ("hi", "बिल्कुल! वीडियो का वर्णन: एक आदमी लकड़ी काटता है।", "एक आदमी लकड़ी काटता है।"),
        ("fr", "Un homme scie. Voulez-vous plus de détails sur la vidéo ?", "Un homme scie."),
        ("ja", "男性が木を切る。注：この説明は画像に基づく。", "男性が木を切る。"),
        ("ar", "رجل يقطع الخشب. ملاحظة: الوصف مبني على الصور.", "رجل يقطع الخشب."),
    ],
)
def test_what_stands_around_a_description_is_taken_off_in_each_language(language: str, answer: str, text: str) -> None:
    assert words_of(answer, own=PROMPTS[language]).text == text


@pytest.mark.parametrize(
    ("language", "answer", "told"),
    [
        ("en", "A man saws a plank, luego la pinta de azul y la deja en el suelo.", "language es"),
        ("ko", "한 남자가 나무를 자르고 then he puts it on the bench.", "Latin letters"),
        ("en", "The {agent} opens the door and leaves.", "a placeholder"),
        ("zh", "一名〇〇用△△打开了门。", "a placeholder"),
        ("en", "She ties the ribboooooooooooooon.", "the same letter"),
        ("ar", "يملأ الكوب ويفرغ الكوب ويملأ الكوب ويفرغ الكوب ويملأ الكوب ويفرغ الكوب.", "few words"),
        ("en", "He lifts the lid and...", "it ends in the middle"),
        ("it", "La donna versa il vino nel", "it ends in the middle"),
        ("ru", "Мужчина в синей куртке чистит дорожку от снега широкой деревянной лопат", "it ends in the middle"),
        ("en", "In the middle and last frames he is gone.", "it speaks of what it was given"),
        ("ja", "最初のフレームで男性は立っている。", "it speaks of what it was given"),
        ("ru", "На изображении 2 мужчина держит топор.", "it speaks of what it was given"),
        ("en", "The gesture is hard to interpret and its details stay vague.", "it says nothing"),
    ],
)
def test_what_else_is_no_caption(language: str, answer: str, told: str) -> None:
    assert words_of(answer, own=PROMPTS[language]).reason.startswith(told)


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", 'A boy writes "I must not run. I must not run. I must not run." on the board.'),
        ("en", "1, 2, 3, 4, 5 and 6 stand on the lockers, and a girl opens the last."),
        ("en", 'The button is labelled "<start>" and a man presses it with his thumb.'),
        ("en", "A beekeeper takes out the first frame and the second frame of the hive."),
        ("en", "A man orders tripes at the Brasserie de la Gare du Nord in Lyon."),
        ("de", "Ich halte den Pinsel und streiche das Brett."),
        ("en", "a close up of hands kneading dough on a wooden table in a kitchen"),
        ("ja", "はい、と手を挙げた女の子が前に出て黒板に丸をかく。"),
        ("ar", "رجل يثبت الإطار الخشبي على الجدار بمطرقة."),
    ],
)
def test_what_looks_like_none_and_is_a_caption(language: str, answer: str) -> None:
    assert words_of(answer, own=PROMPTS[language]).text == answer


def test_a_word_goes_on_after_its_vowel_sign() -> None:
    assert languages.words_in("लकड़ी काटता है") == ["लकड़ी", "काटता", "है"]


def test_long_answers_take_no_longer_than_their_length() -> None:
    """No pattern is worse than linear: this ends at once, or never."""
    for text in (
        "a" * 40_000,
        "a pan, " * 8000,
        "[" * 20_000,
        "Q: " * 6000,
        "<think></think>" * 1300,
        "'" * 20_000,
        "(a " * 9000,
        "\n" * 20_000 + "x",
        "note " * 5000,
        "1枚" * 10_000,
        "the (a) " * 3000,
        "the text of the task, " * 1000,
        "描述" * 10_000,
        "? " * 10_000,
        "a.b. " * 4000,
        "It is a cup. " * 1500,
    ):
        assert found(text).outcome != "answered"


def test_points_that_cannot_be_seen_are_an_answer() -> None:
    for text in ("1. cannot be seen", "1. The cup is red.\n2. cannot be seen", "I cannot see the colour of the cup."):
        assert declines(text) == ""
    for text in ("I'm sorry, I can't help with that.", "I cannot see the video.", "No images were provided."):
        assert declines(text) != ""


@pytest.mark.parametrize(
    ("name", "answer", "told"),
    [
        (
            "judge",
            {"triplets": [{"subject": "who", "action": "verb, as the caption has it", "object": "what"}]},
            "subject",
        ),
        ("judge", {"reason": "one short sentence", "interaction": "yes"}, "reason"),
        ("frame_any", {"seen": "a boat", "object": "that object; none when there is none"}, "object"),
        (
            "triplets",
            {"interactions": [{"subject": "...", "action": "...", "object": "...", "view": "..."}]},
            "subject",
        ),
        ("judge", {"triplets": [], "reason": "A ship is at sea.", "interaction": "no", "conspicuous": "no"}, ""),
        ("richer", {"reason": "More details.", "richer": "first"}, ""),
    ],
)
def test_the_example_of_the_prompt_is_no_answer(name: str, answer: Any, told: str) -> None:
    given = {"caption": "c"} if name in ("judge", "triplets") else {}
    given |= {"first": "a", "second": "b", "evidence": ""} if name == "richer" else {}
    assert placeholders(render(name, **given).text, answer).partition(":")[0] == told


def test_thoughts_go_and_thoughts_without_an_end_are_no_answer() -> None:
    assert without_thoughts("◁think▷x◁/think▷A man.") == "A man."
    assert without_thoughts("<think>x") == ""
    assert without_thoughts("x</think>A man.") == "A man."


@pytest.mark.parametrize(
    "sentence",
    [
        "He wears goggles for safety and cuts a board.",
        "The black box is empty and nothing is seen inside.",
        "No label is attached to the empty black container in the input tray.",
        "She holds a mug with text below the logo.",
        "A screen shows two text boxes.",
        "He types one text on his phone.",
        "She looks through the frames and takes a pair of glasses.",
        "The content is removed from the box.",
        "It is not possible to complete the puzzle, since a piece is lost.",
        "He shreds a redacted document.",
    ],
)
def test_words_of_refusals_that_tell_of_things(sentence: str) -> None:
    scene = f"A man in a blue coat works at a wooden bench. {sentence}"
    assert words_of(scene, own="Describe the video in one paragraph.").text == scene


@pytest.mark.parametrize(
    "sentence",
    [
        "For safety reasons, more is not described.",
        "The content was removed.",
        "I was unable to complete the request.",
        "Both texts say so.",
        "Across the frames he turns.",
    ],
)
def test_the_same_words_where_they_refuse_or_tell_of_the_task(sentence: str) -> None:
    found = words_of(f"A man in a blue coat works at a wooden bench. {sentence}", own="Describe the video.")
    assert found.text == "", found
