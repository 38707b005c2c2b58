from __future__ import annotations

from types import ModuleType

from prettyuseful.engine.graph import Graph


def test_equal_steps_are_added_once_with_the_first_label(planted_steps: ModuleType) -> None:
    graph, spec = Graph(), planted_steps.WriteSpec(text="a")
    key = graph.add(spec, {}, "write a", 3.0)
    assert graph.add(planted_steps.WriteSpec(text="a"), {}, "write a again", 9.0) == key
    assert {k: step.label for k, step in graph.steps.items()} == {key: "write a"}
    assert graph.units(key) == 3.0


def test_different_fields_or_inputs_are_different_steps(planted_steps: ModuleType) -> None:
    graph = Graph()
    a = graph.add(planted_steps.WriteSpec(text="a"), {}, "a", 1.0)
    inputs = {"0": a}
    b = graph.add(planted_steps.WriteSpec(text="b"), inputs, "b", 1.0)
    inputs["0"] = b
    other = graph.add(planted_steps.WriteSpec(text="b"), inputs, "b of b", 1.0)
    assert list(graph.steps) == [a, b, other]
    assert [dict(step.inputs) for step in graph.steps.values()] == [{}, {"0": a}, {"0": b}]
    assert all(key == step.key for key, step in graph.steps.items())
