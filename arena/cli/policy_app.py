"""The commands that take policies out of the arena. Imports stand in the commands, as in `arena.cli.app`."""

from pathlib import Path
from typing import Annotated

import typer

from arena.cli.options import Allow, Json, MaxEpisodeSteps, Policies, PoliciesAndEnv, Quiet, output_mode
from arena.errors import ArenaError

policy_app = typer.Typer(rich_markup_mode=None)


@policy_app.command()
def show(policies: Policies, json_lines: Json = False) -> None:
    """Show what policy files are.

    What each takes and gives is printed, and the agent, environment, training and score that it names. Nothing of it is run here.
    """
    from arena.cli import show as command

    command.show(policies, mode=output_mode(quiet=False, json_lines=json_lines))


@policy_app.command()
def evaluate(
    arguments: PoliciesAndEnv,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Number of initial states, one episode each.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the initial states.")] = 0,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="A:B", help="Reset seeds of single environments instead: A to B - 1, one episode each.")
    ] = None,
    max_episode_steps: MaxEpisodeSteps = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write each episode to FILE.csv or FILE.json.")] = None,
    allow: Allow = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Play policies, one episode from each initial state.

    Mean and interquartile mean are printed with their intervals, and how episodes ended. All policies play the same initial states, so
    their differences are paired.
    """
    from arena.cli import evaluate as command

    given = None if seeds is None else command.parse_seeds(seeds)
    played = command.PlayedEpisodes(
        num_episodes=episodes if given is None else len(given), seed=seed, seeds=given, max_episode_steps=max_episode_steps
    )
    command.evaluate_all(arguments, played, out, allow=allow or (), mode=output_mode(quiet, json_lines))


@policy_app.command()
def explain(
    arguments: PoliciesAndEnv,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write a page, FILE.html, or FILE.json.")] = None,
    observations: Annotated[int, typer.Option("--observations", min=1, help="Number of observations that are explained.")] = 100,
    background: Annotated[int, typer.Option("--background", min=2, help="Observations that stand for features left out.")] = 50,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes in which observations are gathered.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the episodes and of all draws.")] = 0,
    allow: Allow = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Say which features a policy decides by.

    Shapley values and integrated gradients are computed on observations that the policy meets; of images, which patches count.
    """
    from arena.cli import explain as command

    counts = {"num_episodes": episodes, "num_explained": observations, "num_background": background, "seed": seed}
    command.explain_policy(arguments, counts, out, allow=allow or (), mode=output_mode(quiet, json_lines))


@policy_app.command()
def export(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Policy file, or folder of a run.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="litert, litert-int8, savedmodel, pt2, c or js.")],
    env: Annotated[
        str | None, typer.Option("--env", metavar="ID", help="Compare on observations that the policy meets here; a run's own by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; it must not exist.")] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes that the policy plays in --env.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of these episodes.")] = 0,
    allow: Allow = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Write a policy for another runtime, and compare the two.

    Actions, scores, latency and size are compared before the file is put in its place.
    """
    from arena.cli import export as command

    command.export(policy, to, output, env, episodes, seed, allow=allow or (), mode=output_mode(quiet, json_lines))


@policy_app.command()
def watch(
    arguments: PoliciesAndEnv,
    video: Annotated[
        Path | None, typer.Option("--video", metavar="FILE", help="Write an .mp4, .webp or .gif; else a window opens.")
    ] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Show several policies side by side on the same initial states.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the first initial state.")] = 0,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Number of initial states.")] = 1,
    max_steps: Annotated[int, typer.Option("--max-episode-steps", min=1, help="Cut episodes here.")] = 1_000,
    fps: Annotated[float | None, typer.Option("--fps", min=1, max=240, help="Pictures in a second, instead of the environment's.")] = None,
    allow: Allow = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Watch policies play, in a window or as a video.

    Return, env step and action scores are drawn below the picture. Escape closes the window, Space stops it.
    """
    from arena.cli import watch as command

    options = command.WatchOptions(video=video, grid=grid, seed=seed, episodes=episodes, max_steps=max_steps, fps=fps)
    command.watch_arguments(arguments, options, allow=allow or (), mode=output_mode(quiet, json_lines))


@policy_app.command()
def pack(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Folders of finished runs, or of experiments.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Archive to write; it must not exist.")] = Path(
        "policies.zip"
    ),
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="NAME|FILE", help="Licence of the policies: its name, or a file with its text.")
    ] = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Pack policies with a card into one archive.

    `arena tournament` and `arena league add` take it as a player.
    """
    from arena.cli import pack as command

    command.pack(runs, output, licence, mode=output_mode(quiet, json_lines))


@policy_app.command()
def serve(
    policies: Policies,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; another than this machine's own asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8_000,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="File with a token that requests must carry.")
    ] = None,
    rate: Annotated[float, typer.Option("--rate", min=0, help="Requests of one client in a second; 0 means any number.")] = 1_000.0,
    max_megabytes: Annotated[float, typer.Option("--max-megabytes", min=0.001, help="Largest body of a request.")] = 8.0,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Serve policies over HTTP.

    POST /act takes observations as JSON; /v2 speaks the open inference protocol of KServe and Triton.
    """
    try:
        from arena.cli import serve as command
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn", "h11"):
            raise
        from arena.machine.installation import install_command

        raise ArenaError(f"arena serve needs Starlette and uvicorn: {install_command('serve')}") from error
    from arena.serve.limits import Limits

    limits = Limits(requests_per_second=rate, max_body_bytes=round(1e6 * max_megabytes))
    command.serve(policies, host, port, token_file, limits, mode=output_mode(quiet, json_lines))
