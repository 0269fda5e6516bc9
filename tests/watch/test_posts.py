from watch.posts import REMEMBERED, Posts


def test_an_order_s_first_post_is_timed_once() -> None:
    posts = Posts()
    assert posts.intended("sf-1", 100.0) is None
    assert posts.posted("sf-1", 100.25) == 0.25
    assert posts.posted("sf-1", 105.0) is None


def test_a_post_that_is_told_before_its_intent_is_timed_too() -> None:
    posts = Posts()
    assert posts.posted("sf-1", 100.25) is None
    assert posts.posted("sf-1", 105.0) is None
    assert posts.intended("sf-1", 100.0) == 0.25
    assert posts.posted("sf-1", 106.0) is None


def test_a_step_of_the_clock_backwards_is_no_negative_time() -> None:
    posts = Posts()
    posts.intended("sf-1", 100.0)
    assert posts.posted("sf-1", 99.0) == 0.0


def test_what_never_comes_to_an_end_is_forgotten_in_time() -> None:
    posts = Posts()
    for number in range(REMEMBERED + 50):
        posts.intended(f"sf-{number}", 0.0)
        posts.posted(f"other-{number}", 0.0)
    for number in range(REMEMBERED + 50):
        posts.intended(f"timed-{number}", 0.0)
        posts.posted(f"timed-{number}", 0.0)
    assert len(posts._posted) == len(posts._timed) == REMEMBERED
    assert len(posts._intended) < REMEMBERED
