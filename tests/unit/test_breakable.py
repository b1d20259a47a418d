"""Long paths and names may be broken after their parts, not within a word."""

from functions.dashboard.text import breakable, weight


def test_a_long_path_may_be_broken_after_its_parts() -> None:
    assert breakable("shop.cart in total") == "shop.cart in total"
    path = "/srv/app/checkout/worker/run_all.py:42"
    assert breakable(path) == (
        "/<wbr>srv/<wbr>app/<wbr>checkout/<wbr>worker/<wbr>run_all.<wbr>py:42"
    )
    assert breakable(f"{path}<b>").endswith("py:42&lt;b&gt;")
    long = "a." * 300
    assert len(breakable(long)) <= weight(long) + 8 * len("<wbr>")
