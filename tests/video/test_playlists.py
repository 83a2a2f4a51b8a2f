"""Files that name other files: FFmpeg would read those, whatever the first one is called. None is a video here."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import av
import pytest

import hoigen
from hoigen import video
from hoigen.core.errors import VideoError
from hoigen.data.run import Run
from hoigen.video.file import FORMATS
from render import counting, render

PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
    "hls of hls": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{other}.m3u8\n",
    "concat": "ffconcat version 1.0\nfile {other}\n",
    "concat with an option": "ffconcat version 1.0\nfile {other}\noption protocol_whitelist file,http,tcp\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet '
    'mimeType="video/mp2t"><Representation id="0" bandwidth="1"><BaseURL>{other}</BaseURL><SegmentList duration="1">'
    '<SegmentURL media="{other}"/></SegmentList></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\n",
    "rtsp": "rtsptext\nrtsp://127.0.0.1:9/{other}\n",
    "imf": '<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>urn:uuid:0</Id>'
    "<EditRate>25 1</EditRate></CompositionPlaylist>",
    "sub": "# VobSub index file, v7 (do not modify this line!)\n",
}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The file that a playlist names: a video of somebody else's."""
    return render(tmp_path / "other.ts", counting(10))


@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8", "a.ffconcat", "a.mpd", "a.sdp", "a.idx", "a.mkv", "%03d.png"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_is_no_video(kind: str, name: str, other: Path) -> None:
    playlist = other.with_name(name)
    playlist.write_text(PLAYLISTS[kind].format(other=other.name))
    other.with_name(f"{other.name}.m3u8").write_text(PLAYLISTS["hls"].format(other=other.name))
    with pytest.raises(VideoError):
        video.probe(str(playlist))
    with pytest.raises(VideoError):
        video.probe(playlist.as_uri())


@pytest.mark.parametrize(("kind", "name"), [("hls", "a.m3u8"), ("concat", "a.mp4")])
def test_ffmpeg_itself_would_read_what_it_names(kind: str, name: str, other: Path) -> None:
    """Without which the test above would say nothing; and what is said of it."""
    playlist = other.with_name(name)
    playlist.write_text(PLAYLISTS[kind].format(other=other.name))
    with av.open(f"file:{playlist}") as container:
        assert sum(1 for _ in container.decode(video=0)) == 10
    with pytest.raises(VideoError, match="a playlist or list of pictures, which would read the files that it names"):
        video.probe(str(playlist))


def test_a_name_is_no_pattern(other: Path) -> None:
    """`p%03d.png` is the name of one file, not of all that are numbered."""
    for number in range(3):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="image2pipe") as container:
            stream = container.add_stream("png", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
            container.mux(stream.encode(av.VideoFrame(32, 32, "rgb24")))
        other.with_name(f"p{number:03d}.png").write_bytes(buffer.getvalue())
    named = shutil.copy(other.with_name("p000.png"), other.with_name("p%03d.png"))
    with av.open(f"file:{named}") as container:
        assert sum(1 for _ in container.decode(video=0)) == 3
    with pytest.raises(VideoError, match="a playlist or list of pictures"):
        video.probe(str(named))


def test_such_a_file_is_a_failed_clip_of_a_run(other: Path, tmp_path: Path) -> None:
    folder = tmp_path / "received"
    folder.mkdir()
    shutil.copy(other, folder / "good.ts")
    (folder / "bad.mp4").write_text(PLAYLISTS["concat"].format(other=other))
    hoigen.curate(videos=folder, run=tmp_path / "run", measures=["metadata"], report=False, quiet=True)
    rows = {Path(row["uri"]).name: row["reason"] for row in Run(tmp_path / "run").clips.read(0)}
    assert "a playlist or list of pictures" in rows["bad.mp4"]
    assert "playlist" not in rows["good.ts"]  # which is too short for a clip


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4"), ("ts", "libx264")]
)
def test_ordinary_videos_are_read(suffix: str, codec: str, tmp_path: Path) -> None:
    made = render(tmp_path / f"a.{suffix}", counting(8), codec=codec)
    assert video.probe(str(made)).frames == 8


def test_no_format_of_the_list_names_further_files() -> None:
    following = {
        "hls",
        "dash",
        "concat",
        "concatf",
        "sdp",
        "rtsp",
        "rtp",
        "image2",
        "image2pipe",
        "lavfi",
        "imf",
        "vobsub",
    }
    following |= {"webm_dash_manifest", "applehttp", "tedcaptions", "xbin", "libopenmpt", "v4l2", "x11grab", "fbdev"}
    assert not following & set(FORMATS)
    unknown = [
        name for name in FORMATS if name not in {each for one in av.formats_available for each in one.split(",")}
    ]
    assert not unknown
