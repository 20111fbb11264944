"""The studio as a person meets it: the way in, the canvas by mouse and keyboard, the run below it."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

PASSWORD = "a mill by the river"
# A step whose picture is drawn on a busy machine.
RUN_MS = 90_000


def sign_up(page: Page, base_url: str, mail: Path, *, name: str, email: str) -> None:
    """A newcomer makes an account, opens the link in the mail, and is led to a workspace of their own."""
    page.goto(f"{base_url}/accounts/signup/")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    page.goto(_link_for(mail, email))
    page.get_by_role("button", name="Yes, go on").click()
    page.wait_for_url(re.compile(r"/w/[^/]+/"))


def sign_in(page: Page, base_url: str, *, email: str, password: str) -> None:
    """A member comes back."""
    page.goto(f"{base_url}/accounts/login/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


def _link_for(mail: Path, email: str) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for letter in sorted(mail.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True):
            text = letter.read_text()
            if f"To: {email}" in text and (found := re.search(r"https?://\S+confirm-email\S+", text)):
                return found[0]
        time.sleep(0.1)
    raise AssertionError(f"No mail to {email} in {mail}")


class Canvas:
    """The workflow page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.inspector = page.get_by_role("complementary", name="Inspector")
        self.palette = page.get_by_role("navigation", name="Palette")
        self.run_button = page.get_by_role("button", name=re.compile("^Run( ·|$)"))
        self.saved = page.locator(".saved-mark")

    def nodes(self, title: str) -> Locator:
        """The nodes with this title."""
        header = self.page.locator("header").get_by_text(title, exact=True)
        return self.page.locator("article.node").filter(has=header)

    def drag_from_palette(self, title: str, x: float, y: float) -> None:
        self._item(title).drag_to(self.page.locator(".react-flow__pane"), target_position={"x": x, "y": y})
        expect(self.nodes(title)).to_be_visible()

    def click_in_palette(self, title: str) -> None:
        self._item(title).click()
        expect(self.nodes(title)).to_be_visible()

    def _item(self, title: str) -> Locator:
        return self.palette.get_by_role("button").filter(has=self.page.get_by_text(title, exact=True))

    def fit(self) -> None:
        """Everything into view; the view moves for a moment."""
        self.page.get_by_role("button", name="Fit everything into view").click()
        self.page.wait_for_timeout(400)

    def move(self, title: str, x: float, y: float) -> None:
        """Drag a node by its header until its corner lies at this place of the canvas."""
        header = self.nodes(title).locator("header").bounding_box()
        pane = self.page.locator(".react-flow__pane").bounding_box()
        assert header
        assert pane
        mouse = self.page.mouse
        mouse.move(header["x"] + 40, header["y"] + 12)
        mouse.down()
        mouse.move(header["x"] + 60, header["y"] + 30, steps=3)
        mouse.move(pane["x"] + x + 40, pane["y"] + y + 12, steps=8)
        mouse.up()

    def connect(self, source: str, output: str, target: str, port: str) -> None:
        """Drag from an output to an input; both by the names people read."""
        self._reach(source, "source", output)
        self.page.mouse.down()
        self._reach(target, "target", port)
        self.page.mouse.up()

    def _reach(self, node: str, side: str, port: str) -> None:
        handle = self.nodes(node).locator(f".port-{side}").get_by_label(re.compile(f"^{port}:"))
        box = handle.bounding_box()
        assert box
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=10)

    def edges(self) -> Locator:
        return self.page.locator(".react-flow__edge")

    def select(self, title: str) -> None:
        self.nodes(title).locator("header").click()

    def set(self, title: str, /, **fields: str) -> None:
        """Type into the inspector of a node; keys are labels in lower case."""
        self.select(title)
        for label, value in fields.items():
            self.inspector.get_by_label(re.compile(f"^{label}$", re.IGNORECASE)).fill(value)
        self.page.keyboard.press("Tab")

    def drop_file(self, path: Path, x: float, y: float) -> None:
        """What the browser does when a file of the desktop is let go over the canvas."""
        content = base64.b64encode(path.read_bytes()).decode()
        self.page.evaluate(
            """async ([name, content, x, y]) => {
                const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
                const data = new DataTransfer();
                data.items.add(new File([bytes], name, { type: "image/png" }));
                const pane = document.querySelector(".react-flow__pane");
                const box = pane.getBoundingClientRect();
                const at = { clientX: box.left + x, clientY: box.top + y, bubbles: true, cancelable: true };
                for (const kind of ["dragenter", "dragover", "drop"])
                    pane.dispatchEvent(new DragEvent(kind, { ...at, dataTransfer: data }));
            }""",
            [path.name, content, x, y],
        )

    def remember_states(self) -> None:
        """Keep every state that a node shows from now on; a reload forgets them."""
        self.page.evaluate(
            """() => {
                window.statesSeen = {};
                const keep = (node) => {
                    if (!node.matches?.("article.node")) return;
                    const title = node.querySelector("header").innerText.trim().split("\\n")[0];
                    const seen = (window.statesSeen[title] ??= []);
                    if (seen.at(-1) !== node.dataset.state) seen.push(node.dataset.state);
                };
                new MutationObserver((changes) => changes.forEach(({ target }) => keep(target)))
                    .observe(document.querySelector(".react-flow"), { subtree: true, attributeFilter: ["data-state"] });
            }"""
        )

    def states_seen(self) -> dict[str, list[str]]:
        seen: dict[str, list[str]] = self.page.evaluate("window.statesSeen")
        return seen

    def all_saved(self) -> None:
        expect(self.saved).to_have_text(re.compile("Saved"), timeout=15_000)

    def state(self, title: str, word: str) -> None:
        """Wait until a node carries this mark."""
        mark = self.nodes(title).locator("header").get_by_role("img", name=word)
        expect(mark).to_be_visible(timeout=RUN_MS)


class Console:
    """The run below the canvas."""

    def __init__(self, page: Page) -> None:
        self.region = page.get_by_role("region", name="Run", exact=True)

    def step(self, title: str) -> Locator:
        """The row of the step with this title."""
        titled = self.region.page.get_by_role("link", name=re.compile(rf"^{re.escape(title)}( |$)"))
        return self.region.get_by_role("listitem").filter(has=titled)

    def reaches(self, title: str, state: str) -> None:
        expect(self.step(title)).to_have_attribute("data-state", state, timeout=RUN_MS)
