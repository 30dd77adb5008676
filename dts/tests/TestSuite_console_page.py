# SPDX-License-Identifier: BSD-3-Clause
"""The console's page in a real, headless Chromium."""

import os

from framework.browser import Browser, require_chromium
from framework.console import Console, write_users
from framework.process import tool, unique, wait_until
from framework.test_suite import TestSuite, func_test, verify

OPERATOR = "olaf-0123456789abcdef"
# In a page that takes text for markup the title would change.
HOSTILE = "x\"><img src=x onerror=document.title='harm'><script>document.title='harm'<"
ASSETS = ("/", "/console.css", "/console.js", "/base.js", "/now.js", "/icon.svg")


class TestConsolePage(TestSuite):
    def set_up_test_case(self):
        require_chromium()
        self.out = self.make_folder()

    def console(self, *args, **options):
        return self.stack.enter_context(Console(self.folder, args, **options))

    def browser(self):
        return self.stack.enter_context(Browser(self.folder))

    def at_peace(self, browser, console):
        """The page asked nobody else, broke no rule of its policy, and threw nothing."""
        browser.look()
        strangers = [u for u in browser.requests if not u.startswith(console.url) and not u.startswith("blob:")]
        verify(not strangers, f"requests to others: {strangers}")
        verify(not browser.complaints, browser.complaints)

    @func_test
    def now_is_live(self):
        """Rates and counts of a capture are shown, and grow; nothing comes from elsewhere."""
        run = self.start("-i", "null:rate=2000", "-w", self.out, "-G", "1")
        console, browser = self.console(self.out), self.browser()
        browser.open(console.url)
        browser.wait(f"document.querySelector('section[data-capture={run.prefix}] .good')", "the capture")
        browser.wait("/[12]\\.[0-9].k\\/s/.test(document.querySelector('dd').textContent)", "its rate")
        received = "Number(document.querySelector('td:nth-child(6)').textContent.replace(/\\D/g, ''))"
        first = browser.run(received)
        browser.wait(f"{received} > {first}", "more packets")
        browser.wait("/oldest packet\\s+20\\d\\d-/.test(document.getElementById('store').innerText)", "the store")
        text = browser.text()
        for word in ("No packet has been lost", "clock error", "buffers in use", "unaccounted", "writer 0.0"):
            verify(word in text, f"{word!r} is not in {text}")
        self.at_peace(browser, console)

    @func_test
    def losses_have_names(self):
        """What is lost in a pause is shown under that name, and so is the pause."""
        run = self.start("-i", "null:rate=2000", "-w", self.out)
        console, browser = self.console(), self.browser()
        browser.open(console.url)
        run.ask("/braidcap/pause")
        browser.wait("[...document.querySelectorAll('td.name')].some((e) => e.textContent === 'paused')", "the loss")
        verify("paused" in browser.run("document.querySelector('.head').innerText"), "the state")

    @func_test
    def names_are_text(self):
        """Markup in the names of an output, an interface and a filter is shown as it is, and does nothing."""
        out = self.folder / HOSTILE.replace("/", "")
        out.mkdir()
        source = ["-i", "null:rate=2000"]
        if os.geteuid() == 0:
            name = "<b>" + unique("")[-8:]
            tool("ip", "link", "add", name, "type", "veth", "peer", "name", unique("bp"))
            self.stack.callback(tool, "ip", "link", "del", name)
            tool("ip", "link", "set", name, "up")
            source += ["-i", f"pcap:{name}"]
        self.start(*source, "-w", out, "--filter", "ip or not ip")
        console, browser = self.console(out), self.browser()
        browser.open(console.url)
        browser.wait("document.querySelector('tbody')", "the tables")
        browser.look(2)
        verify("<img src=x onerror" in browser.text(), "the output is not there")
        if os.geteuid() == 0:
            verify(name in browser.text(), "the interface is not there")
        verify(browser.run("document.title").startswith("Now"), browser.run("document.title"))
        verify(browser.run("document.querySelectorAll('img, main script, main b').length") == 0, "a name became an element")
        self.at_peace(browser, console)

    @func_test
    def keys_are_enough(self):
        """The screens are reached by Tab and Enter, and by their numbers; what has the focus can be seen."""
        console, browser = self.console(), self.browser()
        browser.open(console.url)
        browser.wait("document.querySelector('nav a[aria-current]')", "the page")
        browser.key("Tab")
        verify(browser.run("document.activeElement.closest('nav') !== null"), "the first stop is not a screen")
        verify(browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus cannot be seen")
        browser.key("Enter")
        browser.wait("location.hash === '#now'", "the screen by Enter")

    @func_test
    def light_and_dark(self):
        """The page follows what the user's system prefers."""
        console, browser = self.console(), self.browser()
        browser.open(console.url)
        browser.wait("document.querySelector('nav a')", "the page")
        colours = []
        for dark in (False, True):
            browser.dark(dark)
            colours.append(browser.run("getComputedStyle(document.body).backgroundColor"))
        verify(len(set(colours)) == 2, colours)

    @func_test
    def it_is_small(self):
        """All of the page together is less than 150 kB."""
        console = self.console()
        total = sum(len(console.ask(path)[2]) for path in ASSETS)
        verify(0 < total < 150_000, f"{total} bytes")
        browser = self.browser()
        browser.open(console.url)
        browser.wait("document.querySelector('nav a')", "the page")
        paths = {"/" + u[len(console.url):] for u in browser.requests}
        verify(paths <= {*ASSETS, "/api/me", "/api/events"}, paths)

    @func_test
    def a_wrong_token_sees_nothing(self):
        """With users, the page says nothing of captures to who has no token, or a wrong one; with the right one it does."""
        self.start("-i", "null:rate=2000", "-w", self.out)
        users = write_users(self.folder / "users", f"olaf operator token {OPERATOR}")
        console, browser = self.console("--users", users), self.browser()
        browser.open(console.url, headers={"Authorization": "Bearer wrong-0123456789abcdef"})
        browser.look(2)
        verify("received" not in browser.text() and not browser.run("document.querySelector('section')"), browser.text())
        browser.open(console.url, headers={"Authorization": f"Bearer {OPERATOR}"})
        browser.wait("document.querySelector('section[data-capture]')", "the capture")
        verify("olaf (operator)" in browser.text(), browser.text())

    @func_test
    def it_comes_back(self):
        """While the console is away the page says so; afterwards it goes on."""
        console, browser = self.console(), self.browser()
        browser.open(console.url)
        browser.wait("document.querySelector('section')", "the page")
        console.stop()
        browser.wait("!document.getElementById('trouble').hidden", "the trouble")
        self.console(listen=console.listen)
        wait_until(lambda: (browser.look(), browser.run("document.getElementById('trouble').hidden"))[1], "it goes on")
