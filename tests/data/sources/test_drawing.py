from __future__ import annotations

from prettyuseful.data.sources.drawing import draw_order


def test_the_order_depends_on_contents_alone() -> None:
    ids = {f"{i}.png": f"{i % 50:032x}" for i in range(60)}
    order = draw_order(ids, ids)
    renamed = {f"other/{(37 * i) % 60}": ids[f"{i}.png"] for i in range(60)}
    assert [ids[path] for path in order] == [renamed[path] for path in draw_order(renamed, renamed)]
    assert sorted(order) == sorted(ids)
    assert order != sorted(order)


def test_equal_images_have_places_of_their_own() -> None:
    ids = {**{f"{i}": "a" * 32 for i in range(20)}, **{f"x{i}": f"{i:032x}" for i in range(20)}}
    places = [place for place, path in enumerate(draw_order(ids, ids)) if not path.startswith("x")]
    assert max(places) - min(places) > 19


def test_more_images_do_not_alter_the_order_of_the_others() -> None:
    ids = {f"{i}": f"{i:032x}" for i in range(40)}
    few = [path for path in ids if int(path) % 2]
    assert draw_order(few, ids) == [path for path in draw_order(ids, ids) if int(path) % 2]
