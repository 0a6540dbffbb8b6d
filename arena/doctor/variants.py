"""Framework variants: the ways to import a framework that registered agents need, each tried once, however many agents share it."""

import contextlib
import dataclasses
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from arena.agent.spec import AgentSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameworkVariant:
    """A framework as some agents import it: the same modules in the same process environment."""

    name: str
    """Name of the framework, with the config field that chooses the variant if there are several: `Keras (backend=jax)`."""
    agents: tuple[str, ...]
    """Ids of the agents that import it so."""
    entry_points: tuple[str, ...]
    """Entry points of those agents, `package.module:Class`."""
    modules: frozenset[str]
    """Framework modules that may be imported; all others are blocked, as in a worker."""
    process_env: tuple[tuple[str, str], ...]
    """Environment variables that the process needs."""
    distributions: tuple[str, ...]
    """Packages whose versions matter."""
    install: str
    """Command that installs the framework."""


def framework_variants(specs: Sequence[AgentSpec]) -> list[FrameworkVariant]:
    """Returns what must be tried for these agents, sorted by name."""
    found: dict[tuple[Any, ...], FrameworkVariant] = {}
    for spec in specs:
        for config, choice in _configs(spec):
            modules, process_env = _needs(spec, config)
            variant = FrameworkVariant(
                name=f"{spec.framework} ({choice})" if choice else spec.framework,
                agents=(spec.id,),
                entry_points=(spec.entry_point,),
                modules=modules,
                process_env=process_env,
                distributions=spec.distributions,
                install=spec.install_command(config),
            )
            key = (variant.name, modules, process_env)
            found[key] = _joined(found[key], variant) if key in found else variant
    return sorted(found.values(), key=lambda variant: variant.name)


def _configs(spec: AgentSpec) -> Iterator[tuple[Any, str]]:
    """Yields the configs that need different modules or environments: one per member of a `Literal` field, or the default alone."""
    default, hints, found = spec.config(), typing.get_type_hints(spec.config), False
    for field in dataclasses.fields(spec.config):
        configs = {}
        for value in typing.get_args(hints[field.name]) if typing.get_origin(hints[field.name]) is typing.Literal else ():
            with contextlib.suppress(ValueError):  # a value that this framework refuses
                configs[value] = dataclasses.replace(default, **{field.name: value})
        if len({_needs(spec, config) for config in configs.values()}) > 1:
            found = True
            yield from ((config, f"{field.name}={value}") for value, config in configs.items())
    if not found:
        yield default, ""


def _needs(spec: AgentSpec, config: Any) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    return spec.modules_for(config), tuple(sorted(spec.process_env_for(config).items()))


def _joined(first: FrameworkVariant, second: FrameworkVariant) -> FrameworkVariant:
    return dataclasses.replace(
        first,
        agents=first.agents + second.agents,
        entry_points=tuple(dict.fromkeys(first.entry_points + second.entry_points)),
        distributions=tuple(dict.fromkeys(first.distributions + second.distributions)),
    )
