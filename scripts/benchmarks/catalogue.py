"""The list of all benchmarks: what each measures, the page that it makes, and about how long it takes. Needs nothing but Python."""

import dataclasses
import textwrap


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """One benchmark: `python3 scripts/benchmark.py NAME` runs `main` of the module `benchmarks.NAME`, with `_` for `-`."""

    name: str
    """Name on the command line."""
    measures: str
    """What is measured, in one line."""
    duration: str
    """Rough duration with default options, on two cores of the machine that the pages name."""
    page: str = "-"
    """Page of `docs/` that holds the figures; `-` if there is none."""

    @property
    def module(self) -> str:
        """Import path of the module with `main`."""
        return f"benchmarks.{self.name.replace('-', '_')}"


BENCHMARKS = (
    Benchmark("performance", "speed of every agent beside its framework's own loop, SB3 and SBX", "1 h", "performance.md"),
    Benchmark("to-475", "seconds to a return of 475 on CartPole-v1, beside SB3, for finished runs", "1 h", "performance.md"),
    Benchmark("overhead", "seconds that the arena adds to a whole experiment", "20 min", "performance.md"),
    Benchmark("experiment-seconds", "seconds of an experiment of 80 runs, beside another source tree", "35 min", "performance.md"),
    Benchmark("profiles", "CPU time by library and function, in our agents and in the loops beside them", "10 min", "profiles.md"),
    Benchmark("scale", "env steps/s over environments, network width, runs at once and Ray workers", "30 min", "scale.md"),
    Benchmark("pixel-speed", "env steps per CPU-second of agents that learn from images, beside SB3's", "10 min", "environments.md"),
    Benchmark("sac-speed", "env steps per CPU-second of SAC on Pendulum-v1, beside SB3's and SBX's", "20 min", "performance.md"),
    Benchmark("startup", "seconds of a worker from its start to its first env step", "5 min", "startup.md"),
    Benchmark(
        "warm", "seconds until the runs of an experiment train, and memory of four, by warm and by spawned workers", "15 min", "startup.md"
    ),
    Benchmark("on-device", "env steps/s of agents that train inside one JAX program", "10 min", "on_device.md"),
    Benchmark("evaluation", "speed of evaluations and games, beside plain loops over env.step", "5 min", "tournaments.md"),
    Benchmark("metering", "time that counting env steps and episodes adds to a vector step", "1 min"),
    Benchmark("env-processes", "env steps/s of slow environments, by the number of processes that step them", "1 min", "environments.md"),
    Benchmark("seat", "time of a step against an opponent in connect four", "1 min", "games.md"),
    Benchmark("seat-results", "games won, drawn and lost by policies against an opponent", "1 min", "games.md"),
    Benchmark("results-page", "table and learning curves of the runs in a folder", "seconds", "cartpole.md"),
    Benchmark("parity-page", "tables and figure of the comparison of DQN implementations", "seconds", "parity.md"),
    Benchmark("calibrate-intervals", "how often the 95% intervals hold the true value", "1 h", "statistics.md"),
    Benchmark("calibrate-pairs", "how often the tests of pairs claim a wrong difference, and find a true one", "1 h", "statistics.md"),
    Benchmark("calibrate-sequential", "errors and seeds of the rule that adds seeds until decided", "1 h", "statistics.md"),
    Benchmark("verdict-cases", "what is said of small experiments on which verdicts once misled", "10 s", "verdicts.md"),
    Benchmark("field-points", "how often the intervals of points against the field hold the truth", "20 min", "ratings.md"),
    Benchmark("adaptive-intervals", "how often intervals hold the truth after games were chosen by looking", "5 min", "ratings.md"),
    Benchmark("zoo", "scores of agents with tuned settings, beside published numbers", "hours; a cell takes minutes", "zoo.md"),
    Benchmark("fingerprint", "what this tree computes, to compare it with another tree", "2 min"),
    Benchmark("serving", "requests/s and latency of arena serve, beside onnxruntime called directly", "1 min", "serving.md"),
    Benchmark("policy-latency", "latency of one policy in every format of arena export, or beside frameworks", "2 min", "exports.md"),
    Benchmark("kills", "whether runs that were killed and resumed are the same as uninterrupted ones", "3 h", "kills.md"),
    Benchmark("peers", "nothing: sets up the environment of SB3 and SBX, which others need", "5 min"),
)


def listing() -> str:
    """Returns the usage and one line for each benchmark."""
    names, measures, pages = (max(len(getattr(each, field)) for each in BENCHMARKS) for field in ("name", "measures", "page"))
    lines = [f"  {each.name:{names}}  {each.measures:{measures}}  {each.page:{pages}}  {each.duration}" for each in BENCHMARKS]
    head = f"  {'NAME':{names}}  {'measures':{measures}}  {'page':{pages}}  takes about"
    usage = """\
        usage: python3 scripts/benchmark.py NAME [OPTION ...]
               python3 scripts/benchmark.py NAME --help
        """
    return "\n".join([textwrap.dedent(usage), head, *lines])
