"""What is done by a click: once, however often is clicked, and only by who means it."""

from typing import Any

from tests.dashboard.conftest import Day, Page


def rows(day: Day, kind: str, ref: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = day.api.get(f"/api/journal?kind={kind}&ref={ref}").json()["items"]
    return told


def test_a_halt_by_a_double_click_is_one_halt_and_a_resume_asks_for_the_account(page: Page, day: Day) -> None:
    before = len(rows(day, "halted", "all"))
    page.open("now")
    page.page.get_by_role("button", name="Halt", exact=True).click()
    page.page.get_by_role("button", name="Halt everything").dblclick()
    page.page.get_by_text("Not trading").first.wait_for()
    assert page.sent.count("POST /api/halt") == 1
    assert len(rows(day, "halted", "all")) == before + 1

    dialog = page.page.get_by_role("dialog")
    page.page.get_by_role("button", name="Resume", exact=True).first.click()
    assert dialog.get_by_role("button", name="Resume").is_disabled()
    dialog.get_by_label("account number").fill("PA-not-mine")
    dialog.get_by_role("button", name="Resume").click()
    dialog.get_by_role("alert").wait_for()
    assert rows(day, "halts_cleared", "all") == []
    page.faults.clear()  # the browser notes the 403 that was the point
    account = day.api.get("/api/status").json()["account_number"]
    dialog.get_by_label("account number").fill(account)
    dialog.get_by_role("button", name="Resume").dblclick()
    dialog.wait_for(state="detached")
    page.page.get_by_text("A signal that passes its checks is bought.").first.wait_for()
    assert page.sent.count("POST /api/resume") == 1
    assert len(rows(day, "halts_cleared", "all")) == 1


def test_a_trade_is_sold_once_by_a_double_click(page: Page, day: Day) -> None:
    [trade] = day.api.get("/api/trades?symbol=ACME").json()["items"]
    page.open("now")
    page.page.get_by_role("button", name="Sell", exact=True).first.click()
    page.page.get_by_role("button", name="Sell ACME").dblclick()
    day.api.until(
        f"/api/trades/{trade['id']}",
        lambda answer: answer.json()["status"] == "closed",
        "the trade to be sold",
    )
    page.page.get_by_text("Nothing is open.").wait_for()
    assert page.sent.count("POST /api/positions/ACME/close") == 1
    sells = [
        each for each in day.api.get("/api/orders?symbol=ACME").json()["items"] if each["side"] == "sell"
    ]
    assert len(sells) == 1


def test_escape_leaves_a_dialog_and_does_nothing(page: Page) -> None:
    page.open("now")
    button = page.page.get_by_role("button", name="Halt", exact=True)
    dialog = page.page.get_by_role("dialog")
    for escapes in (1, 1, 1, 2, 2):  # a browser lets the first one be prevented, not each that follows
        button.click()
        for _ in range(6):  # the focus stays inside, from the first key on
            page.page.keyboard.press("Tab")
            inside = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            assert page.page.evaluate(inside)
        for _ in range(escapes):
            page.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        assert page.page.evaluate("document.activeElement.innerText") == "Halt"
    assert page.sent == ["POST /api/session"]


def test_a_setting_is_previewed_and_changed_and_one_that_is_wrong_is_not(page: Page, day: Day) -> None:
    page.open("config")
    field = page.page.get_by_label("symbol cooldown sec")
    field.fill("soon")
    page.page.get_by_role("button", name="Preview").click()
    page.page.get_by_text("must be a whole number").first.wait_for()
    field.fill("90")
    page.page.get_by_role("button", name="Preview").click()
    page.page.get_by_text("→").first.wait_for()
    page.page.get_by_role("button", name="Save").click()
    page.page.get_by_role("button", name="Change", exact=True).dblclick()
    page.page.get_by_text("Changed. It counts from the next signal on.").wait_for()
    assert day.api.get("/api/config").json()["config"]["symbol_cooldown_sec"] == 90
    assert len([each for each in page.sent if each == "PUT /api/config"]) == 1
    page.page.get_by_text("by api").first.wait_for()


def test_who_may_only_look_has_no_button_that_does_anything(browser: Any, day: Day) -> None:
    one = Page(
        browser, Day(day.api, (day.state / "token-view").read_text().strip(), day.state), "desk", "light"
    )
    try:
        one.open("now")
        one.page.get_by_text("View only").wait_for()
        assert one.page.get_by_role("button", name="Halt", exact=True).is_disabled()
    finally:
        one.close()
