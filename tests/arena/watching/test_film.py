import base64
import io

from PIL import Image

from arena.watching.film import Film, chosen_episodes


def test_the_best_episode_and_the_one_in_the_middle_are_shown():
    assert chosen_episodes([3.0, 9.0, 1.0, 9.0, 5.0]) == {"best": 1, "median": 4}
    assert chosen_episodes([2.0]) == {"best": 0, "median": 0}


def test_an_animation_holds_all_frames_and_stands_still_at_the_end():
    images = tuple(Image.new("RGB", (40, 30), (shade, 0, 0)) for shade in (10, 120, 250))
    film = Film(images, (0, 1, 2), (0.0, 1.0, 2.0))
    kind, _, content = film.animation().partition(",")
    assert kind == "data:image/webp;base64"
    for animated in (base64.b64decode(content), film.gif()):
        with Image.open(io.BytesIO(animated)) as animation:
            assert (animation.n_frames, animation.size) == (3, (40, 30))
            durations = []
            for frame in range(3):
                animation.seek(frame)
                animation.load()
                durations.append(animation.info["duration"])
        assert durations == [200, 200, 1_500]
