"""`arena export`: a policy for another runtime."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

import numpy as np

from arena.cli.policy_arguments import one_policy
from arena.environments.config import EnvConfig
from arena.environments.user_modules import full_id
from arena.environments.word import with_word
from arena.export.export import Export, export_policy
from arena.export.formats import find_format
from arena.export.latency import Latency
from arena.terminal.output import Mode, Output, make_table


def export(
    policy: str, to: str, output: Path | None, env: str | None, num_episodes: int, seed: int, *, allow: Collection[str] = (), mode: Mode
) -> None:
    """Writes the export, and prints how it compares.

    Args:
        policy: policy file, or folder of a run.
        to: name of the format.
        output: file to write; None takes the policy's name with the ending of the format, in the present folder.
        env: Gymnasium id of the environment whose observations are compared; None takes a run's own, and compares random ones for a file.
        num_episodes: number of episodes that the policy plays there.
        seed: seed of these episodes.
        allow: import paths and files that a run's environment may name.
        mode: what is printed.
    """
    out, chosen = Output(mode), find_format(to)
    given = one_policy(policy)
    path = given.path
    target = output or Path(f"{path.stem}{chosen.suffix or '-savedmodel'}")
    if env is not None:
        config: EnvConfig | None = EnvConfig(full_id(env))
    else:
        config = None if given.record is None else with_word(given.record.run.env, allow)
    written = export_policy(path, to, target, env=config, num_episodes=num_episodes, seed=seed)
    out.record({**dataclasses.asdict(written), "path": str(written.path), "format": to})
    out.say(f"{written.path}: {chosen.about}, {written.num_bytes:,} bytes")
    _show_comparison(out, written)


def _show_comparison(out: Output, written: Export) -> None:
    compared = written.comparison
    if compared is None:
        out.say(f"It was not compared with the policy file: {written.unchecked}.")
        return
    kinds = {"visited": compared.num_visited, "random": compared.num_observations - compared.num_visited}
    seen = " and ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
    out.say(
        f"Same action on {compared.num_equal} of {compared.num_observations} observations ({seen}); scores differ by at most "
        f"{compared.largest_score_difference:.1e}."
    )
    if written.played is not None:
        returns, others = np.array(written.played.export), np.array(written.played.policy)
        out.say(
            f"Mean return over {len(returns)} episodes: {returns.mean():.1f}; the policy file's over the same: {others.mean():.1f} "
            f"(difference {np.mean(returns - others):+.1f})."
        )
    rows = [
        (name, *(f"{value:.1f}" for each in latencies for value in (each.p50_microseconds, each.p99_microseconds)))
        for name, latencies in (("export", compared.latencies), ("onnxruntime", compared.onnx_latencies))
    ]
    out.show(make_table(_heading(compared.latencies), rows))


def _heading(latencies: tuple[Latency, ...]) -> tuple[str, ...]:
    return ("microseconds a call", *(f"batch {each.batch_size}, {what}" for each in latencies for what in ("p50", "p99")))
