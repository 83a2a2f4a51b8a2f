"""What a file may say, and what is told when it says something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoigen.core.errors import UsageError
from hoigen.evaluation.captions.checked import checked
from hoigen.evaluation.captions.files import Rating, read_captions, read_claims, read_facts

HEAD = "clip,captioner,claim,verdict,kind,annotator"
GOOD = f"{HEAD}\nc1,A,A cup.,true,object,ann\nc1,A,It is red.,Cannot tell,attribute,ann\n"


def claims_in(path: Path, text: str, name: str = "claims.csv") -> list[Rating]:
    file = path / name
    file.write_text(text, encoding="utf-8")
    return read_claims(file)


def test_the_same_rows_in_every_form(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"clip": "c1", "captioner": "A", "claim": "A cup.", "verdict": True, "kind": "object", "annotator": "ann"},
        {"clip": "c1", "captioner": "A", "claim": "It is red.", "verdict": "cannot-tell", "kind": "attribute"},
    ]
    rows[1]["annotator"] = "ann"
    texts = [{**row, "verdict": str(row["verdict"]).lower()} for row in rows]
    pq.write_table(pa.Table.from_pylist(texts), tmp_path / "claims.parquet")
    found = [
        claims_in(tmp_path, GOOD),
        claims_in(tmp_path, GOOD.replace(",", ";")),
        claims_in(tmp_path, GOOD.replace(",", "\t"), "claims.tsv"),
        claims_in(tmp_path, "\ufeff" + GOOD.replace("verdict", " Verdict ")),
        claims_in(tmp_path, "".join(json.dumps(row) + "\n\n" for row in rows), "claims.jsonl"),
        read_claims(tmp_path / "claims.parquet"),
    ]
    for ratings in found:
        assert [(r.clip, r.captioner, r.claim, r.verdict, r.kind, r.annotator) for r in ratings] == [
            ("c1", "A", "A cup.", "true", "object", "ann"),
            ("c1", "A", "It is red.", "cannot_tell", "attribute", "ann"),
        ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        (f"{HEAD}\n", "holds no claims"),
        ("clip,captioner,claims,verdict\nc,A,x,true\n", "line 2: no column claim; is it 'claims'"),
        ("clip,captioner,claim,verdict,anotator\nc,A,x,true,me\n", "did you mean 'annotator'"),
        (f"{HEAD}\nc1,A,A cup.,yes,object,me\n", "line 2, column verdict: one of true, false, cannot_tell; it came as"),
        (f"{HEAD}\nc1,A,A cup.,,object,me\n", "line 2, column verdict: .*it is empty"),
        (f"{HEAD}\nc1,A,,true,object,me\n", "line 2, column claim: it is empty"),
        (f"{HEAD}\n,A,A cup.,true,object,me\n", "line 2, column clip: it is empty"),
        (f"{HEAD}\nc1,A,A cup.,true,thing,me\n", "line 2, column kind: one of object, action,.* 'thing'"),
        (f"{HEAD}\nc1,A,A cup.,true,object,me\nc1,A,a  CUP,false,object,me\n", "line 3.*rated twice by 'me'; .*line 2"),
        (f"{HEAD}\nc1,A,A cup.,true,object,\nc1,A,A cup.,true,object,\n", "name them in column annotator"),
        (f"{HEAD}\nc1,A,,,,me\nc1,A,A cup.,true,,me\n", "line 2, column claim: an empty claim says.*line 3"),
        (f"{HEAD}\nc1,A,A cup.,true,object\n", "line 2: 5 cells; the header has 6 columns"),
        (f'{HEAD}\nc1,A,"A cup.,true,object,me\n', "not valid CSV"),
        (f"{HEAD}\nc1,A,A cup.,true,object,judge:qwen\n", "line 2, column annotator: 'judge:qwen' .*--judge"),
        ("clip,clip,captioner,claim,verdict\nc,c,A,x,true\n", "two columns are named 'clip'"),
    ],
)
def test_what_is_wrong_is_named_by_file_row_and_column(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as error:
        claims_in(tmp_path, text)
    assert "claims.csv" in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]\n", "line 1: a row is an object"),
        ('{"clip": "c"\n', "line 1: not valid JSON"),
        ('{"clip": "c", "captioner": "A", "claim": ["x"], "verdict": "true"}\n', "line 1, column claim: a text"),
        ('{"clip": "c", "clip": "d"}\n', "line 1: two columns are named 'clip'"),
    ],
)
def test_what_is_wrong_in_jsonl(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        claims_in(tmp_path, text, "claims.jsonl")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_claims(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="ends in one of"):
        read_claims(tmp_path / "claims.xlsx")
    (tmp_path / "bytes.csv").write_bytes(b"clip,captioner,claim,verdict\nc,A,\xff,true\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_claims(tmp_path / "bytes.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UsageError, match="Parquet"):
        read_claims(tmp_path / "bad.parquet")


def test_captions_and_facts(tmp_path: Path) -> None:
    file = tmp_path / "captions.csv"
    file.write_text(
        "clip,captioner,text,path,models\nc1,mix,One two.,rewritten,m1|org/m2\nc2,mix,One.,agreed: first,\nc3,mix,X,,\n"
    )
    found = read_captions(file)
    assert [found["mix", f"c{at}"].disagree for at in (1, 2, 3)] == [True, False, None]
    assert found["mix", "c1"].models == ("m1", "org/m2")
    file.write_text("clip,captioner,text,disagree\nc1,mix,One two.,maybe\n")
    with pytest.raises(UsageError, match="line 2, column disagree: one of true, false"):
        read_captions(file)
    file.write_text("clip,captioner,text\nc1,A,x\nc1,A,y\n")
    with pytest.raises(UsageError, match="line 3, column clip: a second caption"):
        read_captions(file)
    facts = tmp_path / "facts.csv"
    facts.write_text("clip,verb,object\nc1,pick_up|Lift,cup\n")
    [fact] = read_facts(facts)["c1"]
    assert fact == ({"pick up", "lift"}, {"cup"})
    facts.write_text("clip,verb,object\nc1,lift,\n")
    with pytest.raises(UsageError, match="line 2, column object: it is empty"):
        read_facts(facts)


def test_most_votes_count_and_a_tie_is_cannot_tell(tmp_path: Path) -> None:
    votes = {"two to one": "true true false", "tie": "true false", "three ways": "true false cannot_tell"}
    rows = [
        f"c1,A,{claim},{verdict},object,p{at}"
        for claim, verdicts in votes.items()
        for at, verdict in enumerate(verdicts.split())
    ]
    found = checked(claims_in(tmp_path, "\n".join([HEAD, *rows])))
    assert [claim.verdict for claim in found.claims["A"]["c1"]] == ["true", "cannot_tell", "cannot_tell"]
    assert all(claim.split for claim in found.all_claims)
    assert found.annotators == 3
