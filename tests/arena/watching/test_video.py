import pytest
from PIL import Image

from arena.errors import ArenaError
from arena.watching.panes import Watched, frames
from arena.watching.video import check_video, write_video


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_a_video_holds_every_picture(tmp_path, moments, suffix):
    path = tmp_path / f"video{suffix}"
    assert write_video(path, frames([Watched("a", moments(6))]), fps=30) == 6
    with Image.open(path) as image:
        assert image.n_frames == 6
        assert image.width == 480
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_gif_of_many_pictures_a_second_keeps_those_that_browsers_show(tmp_path, moments):
    write_video(tmp_path / "fast.gif", frames([Watched("a", moments(8))]), fps=100)
    with Image.open(tmp_path / "fast.gif") as image:
        assert image.n_frames == 5  # every other one, and the last


@pytest.mark.extra
def test_an_mp4_of_odd_size_is_written_by_ffmpeg(tmp_path, moments):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "video.mp4"
    assert write_video(path, frames([Watched("a", moments(10, width=41))]), fps=10) == 10
    assert imageio_ffmpeg.count_frames_and_secs(str(path)) == (10 + 15, 2.5)  # the last picture stands still for 1.5 seconds


def test_what_fails_leaves_the_file_that_was_there(tmp_path, moments):
    path = tmp_path / "video.webp"
    path.write_text("before")

    def failing():
        yield next(frames([Watched("a", moments(1))]))
        raise ArenaError("broken")

    with pytest.raises(ArenaError, match="broken"):
        write_video(path, failing(), fps=30)
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["video.webp"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("video.avi", "a video is .mp4, .webp, .gif"), ("file/video.gif", "file is a file and no folder; give another place")],
)
def test_files_that_cannot_be_written_are_refused_at_once(tmp_path, name, message):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArenaError, match=message):
        check_video(tmp_path / name)


def test_folders_that_lead_to_a_video_are_made(tmp_path):
    path = tmp_path / "absent" / "video.gif"
    check_video(path)
    write_video(path, iter([Image.new("RGB", (4, 4))]), fps=30)
    assert path.exists()


def test_without_ffmpeg_an_mp4_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("arena.watching.video.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArenaError, match="video"):
        check_video(tmp_path / "video.mp4")
