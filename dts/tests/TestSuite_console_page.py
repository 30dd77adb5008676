# SPDX-License-Identifier: BSD-3-Clause
"""The console's page in a real, headless Chromium."""

import json
import os
import re
import socket
import time
from pathlib import Path

from framework import host
from framework.browser import Browser, require_chromium
from framework.checks import assert_same, published
from framework.console import Console, write_users
from framework.packets import frames, timed, write_pcap
from framework.peer import Peer
from framework.process import free_port, tool, unique, wait_until
from framework.reader import packets
from framework.test_suite import TestSuite, func_test, verify

OPERATOR = "olaf-0123456789abcdef"
# In a page that takes text for markup the title would change.
HOSTILE = "x\"><img src=x onerror=document.title='harm'><script>document.title='harm'<"
ASSETS = ("/", "/console.js", "/base.js", "/now.js", "/timeline.js", "/find.js", "/jobs.js", "/segments.js", "/icon.svg")
# Where pictures for docs/ go, if they are wanted.
PICTURES = os.environ.get("BRAIDCAP_SCREENSHOTS")


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
        strangers = [u for u in browser.requests if not u.startswith((console.url, "data:", "blob:"))]
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
        for words in ("No packet has been lost", "clock error", "buffers in use", "unaccounted", "writer 0.0"):
            self.shown(browser, words)
        self.at_peace(browser, console)

    @staticmethod
    def shown(browser, words):
        """Wait until the page says so."""
        browser.wait(f"document.body?.innerText.includes({json.dumps(words)})", words)

    @func_test
    def losses_have_names(self):
        """What is lost in a pause is shown under that name, and so is the pause."""
        run = self.start("-i", "null:rate=2000", "-w", self.out)
        console, browser = self.console(), self.browser()
        browser.open(console.url)
        run.ask("/braidcap/pause")
        browser.wait("[...document.querySelectorAll('td.name')].some((e) => e.textContent === 'paused')", "the loss")
        browser.wait("document.querySelector('.head').innerText.includes('paused')", "the state")

    @func_test
    def a_full_disk_is_told_while_it_lasts(self):
        """The output says what is the matter, until there is room again."""
        host.require_root("mount")
        out = self.stack.enter_context(host.tmpfs(self.out, 16))
        (out / "other").write_bytes(bytes(15 << 20))
        self.start("-i", "null:rate=1000,size=1000", "-w", out, "--memory", "8", "-S", "1", "-Z", "none")
        console, browser = self.console(), self.browser()
        browser.open(console.url)
        told = f"document.body?.innerText.includes({json.dumps(f'{out}: no space left')})"
        browser.wait(told, "the trouble")
        (out / "other").unlink()
        browser.wait(f"!{told}", "it is over")
        self.at_peace(browser, console)

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
        self.start(*source, "-w", out, "--filter", "len<9 or len>=0")
        console, browser = self.console(out), self.browser()
        browser.open(console.url)
        for words in ("<img src=x onerror", "len<9 or len>=0", *([name] if os.geteuid() == 0 else [])):
            self.shown(browser, words)
        browser.look(2)
        verify(browser.run("document.title").startswith("Now"), browser.run("document.title"))
        verify(browser.run("document.querySelectorAll('img, main script, main b').length") == 0, "a name became an element")
        self.at_peace(browser, console)

    def press(self, browser, text):
        for c in text:
            browser.key(c)

    def answer(self, browser, what, yes):
        """A question that the button with the focus asks: Escape, or Tab to yes and Enter. Tab stays inside; afterwards the focus is back."""
        browser.key("Enter")
        browser.wait("document.querySelector('dialog')", "the question")
        # The screen Now is drawn anew behind it.
        browser.look(0 if yes else 1.2)
        for _ in range(4):
            browser.key("Tab")
            verify(browser.run("document.activeElement === document.body || document.activeElement.closest('dialog') !== null"), browser.focused())
        if yes:
            browser.tab_to(yes)
        browser.key("Enter" if yes else "Escape")
        browser.wait("!document.querySelector('dialog')", "the answer")
        wait_until(lambda: browser.focused() == what, f"the focus on {what!r}, which is on {browser.focused()!r}")

    @func_test
    def keys_alone_suffice(self):
        """One logs in, acts after a question, finds, downloads, queues, and chooses a range of time, by keys alone."""
        made = self.stored()
        run = self.start("-i", "null:rate=2000", "-w", self.make_folder("live"))
        users = write_users(self.folder / "users", f"olaf operator token {OPERATOR}")
        console, browser = self.console("--users", users, "--jobs", self.make_folder("jobs"), self.out), self.browser()
        down = self.make_folder("down")
        browser.download_into(down)
        browser.log_in("olaf", OPERATOR)
        browser.open(console.url)
        browser.wait("document.querySelector('.actions button')", "the capture")
        verify("olaf (operator)" in browser.text(), browser.text())
        browser.key("Tab")
        verify(browser.focused() == "Skip to the screen", browser.focused())
        browser.key("Enter")
        verify(browser.run("document.activeElement.id") == "screen", browser.focused())
        # Now
        rotate = f"rotate {run.prefix}"
        browser.tab_to(rotate)
        self.answer(browser, rotate, None)
        browser.look(1.2)
        verify(not published(self.folder / "live"), "it did so without a yes")
        self.answer(browser, rotate, "Rotate")
        wait_until(lambda: (browser.look(), published(self.folder / "live"))[1], "a segment")
        # Find
        browser.key("3")
        browser.wait("document.activeElement?.name === 'expression'", "the screen Find")
        self.press(browser, "src host 10.0.0.2")
        browser.tab_to("Time")
        # The first letter of one choice only: what is typed too slowly begins a word anew.
        self.press(browser, "a")
        verify(browser.run("document.querySelector('select[name=span]').value") == "", "all times are not chosen")
        browser.tab_to("Estimate")
        browser.key("Enter")
        browser.wait("document.getElementById('download')", "the estimate")
        browser.tab_to("Download the packets")
        browser.key("Enter")
        wait_until(lambda: (browser.look(), list(down.glob("*.pcapng")))[1], "the download")
        browser.tab_to("Queue it")
        browser.key(" ")
        browser.wait("document.querySelector('#jobs a')", "the end of the queued find")
        browser.tab_to("Download src host")
        browser.key("Enter")
        wait_until(lambda: (browser.look(), len(list(down.glob("*.pcapng"))) == 2)[1], "the second download")
        browser.look(0.5)
        verify(browser.run("document.title") == "Find - braidcap", browser.text())
        for f in down.iterdir():
            assert_same(packets(f), [p for p in made if p.data[29] == 2])
        # Timeline
        browser.key("2")
        browser.wait("document.querySelector('.timeline')", "the timeline")
        browser.tab_to("Time;")
        for key, shift in (("PageUp", False), ("ArrowRight", False), ("PageUp", True), ("ArrowRight", True), ("ArrowLeft", True)):
            browser.key(key, shift=shift)
        bins = browser.run("['x', 'width'].map((a) => Math.round(document.querySelector('rect.chosen').getAttribute(a) / 4))")
        verify(bins == [25, 24], bins)
        verify("packets" in browser.run("document.activeElement.getAttribute('aria-valuetext')"), "the range is not told")
        browser.key("Enter")
        browser.wait("!document.querySelector('rect.chosen')", "the range alone")
        browser.key("-")
        browser.wait("document.querySelector('.timeline')", "a wider range")
        browser.key("End", shift=True)
        browser.wait("document.querySelector('rect.chosen')", "all of it")
        browser.key("Escape")
        browser.wait("!document.querySelector('rect.chosen')", "none of it")
        browser.tab_to("Find in this range")
        browser.key("Enter")
        browser.wait("document.activeElement?.name === 'expression' && document.querySelector('select[name=span]').value === 'own'", "Find")
        # Segments
        browser.tab_to("Keys")
        browser.key("Enter")
        browser.wait("document.querySelector('dialog')", "the keys")
        browser.key("Escape")
        browser.wait("!document.querySelector('dialog')", "the end of the keys")
        browser.key("4")
        browser.wait("document.querySelector('#segments tbody tr')", "the segments")
        browser.tab_to("Hold ")
        what = browser.focused()
        self.answer(browser, what.replace("Hold", "Release"), "Hold")
        verify(len(list(self.out.glob(".hold-*"))) == 1, "the hold")
        run.stop()
        self.at_peace(browser, console)

    @func_test
    def screens_have_numbers(self):
        """1 to 4 choose a screen, which is marked as the current one, and ? lists the keys; both can be turned off, and are letters where one types."""
        self.stored()
        browser = self.at(self.console("--role", "operator", self.out), "find", "document.activeElement?.name === 'expression'")
        self.press(browser, "1?")
        verify(browser.run("document.activeElement.value") == "1?" and not browser.run("document.querySelector('dialog')"), "a key was taken")
        browser.tab_to("Estimate")
        for number, name in (("1", "Now"), ("2", "Timeline"), ("3", "Find"), ("4", "Segments")):
            browser.key(number)
            browser.wait(f"document.title === '{name} - braidcap' && document.querySelector('nav [aria-current=page]').textContent === '{name}'", name)
            browser.run("document.activeElement.blur()")
        browser.key("?")
        browser.wait("document.querySelector('dialog table')", "the keys")
        browser.tab_to("1 to 4")
        browser.key(" ")
        browser.key("Escape")
        browser.wait("!document.querySelector('dialog')", "the end of the keys")
        browser.key("1")
        browser.key("?")
        browser.look(0.3)
        verify(browser.run("document.title") == "Segments - braidcap" and not browser.run("document.querySelector('dialog')"), "they are not off")

    @func_test
    def light_and_dark(self):
        """The page follows what the user's system prefers."""
        console, browser = self.console(), self.browser()
        browser.open(console.url)
        browser.wait("document.querySelector('nav a')", "the page")
        colour = "getComputedStyle(document.body).backgroundColor"
        browser.dark(False)
        light = browser.run(colour)
        browser.dark(True)
        browser.wait(f"{colour} !== '{light}'", "other colours")
        browser.dark(False)
        browser.wait(f"{colour} === '{light}'", "those from before")

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
    def the_first_paint_waits_for_nothing_else(self):
        """What is painted first needs no second answer: the style is in the page, under its hash, and scripts hold nothing up."""
        console, browser = self.console(), self.browser()
        text = console.ask("/")[2].decode()
        verify("stylesheet" not in text and not re.search(r"<script(?! type=\"module\")", text), text)
        loaded = set(re.findall('"modulepreload" href="([^"]*)"', text))
        verify(loaded == {a for a in ASSETS if a.endswith(".js")}, loaded)
        browser.open(console.url)
        browser.wait("document.querySelector('nav a') && getComputedStyle(document.querySelector('header')).display === 'flex'", "the style")
        self.at_peace(browser, console)

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

    def row(self, browser, caption, name):
        """The cells of the row that begins with name, in the table whose caption begins so; once there is one."""
        script = (f"[...document.querySelectorAll('table')].filter((t) => t.caption.textContent.startsWith({caption!r})).flatMap((t) => "
                  f"[...t.tBodies[0].rows]).find((r) => r.cells[0].textContent.startsWith({name!r}))")
        return wait_until(lambda: browser.run(f"[...(({script})?.cells ?? [])].map((c) => c.textContent)"), f"{name} in {caption}")

    @func_test
    def who_sends_and_who_gets(self):
        """The nodes of a collector, who gets live packets, and what waits for a remote peer that is away."""
        nodes, live, nobody = free_port(), free_port(), free_port()
        self.collect("-l", f"127.0.0.1:{nodes}", "--allow", "berlin=127.0.1.1", "--allow", "bonn=127.0.1.2", "-w", f"{self.out}/", "--flush-ms", "50",
                     "--pcap-over-ip", str(live))
        node = self.stack.enter_context(Peer(nodes, source="127.0.1.1"))
        node.hello()
        client = self.stack.enter_context(socket.create_connection(("127.0.0.1", live)))
        self.start("-i", "null:rate=2000", "-w", f"osmo://127.0.0.1:{nobody}")
        browser = self.at(self.console(), "now", "document.querySelectorAll('section[data-capture]').length === 2")
        wait_until(lambda: self.row(browser, "Clients", "berlin")[1] == "connected", "the node")
        berlin = self.row(browser, "Clients", "berlin")
        verify(berlin[2].startswith("127.0.1.1:"), berlin)
        verify(self.row(browser, "Clients", "bonn")[1] == "disconnected", self.row(browser, "Clients", "bonn"))
        got = self.row(browser, f"Live packets as pcapng at 127.0.0.1:{live}", "127.0.0.1:{}".format(client.getsockname()[1]))
        verify(got[4] == "0", got)
        # Nothing waits for the peer before the first flush.
        wait_until(lambda: self.row(browser, "Remote peers", "osmo:")[2] != "0\u00a0B", "what waits for the peer")
        peer = self.row(browser, "Remote peers", "osmo:")
        verify(peer[1] == "away", peer)

    # ---- the store's screens ----

    def stored(self, folder=None):
        """Two streams in segments; all their packets."""
        # A little ago, for the sake of the screens that show times.
        begin_ns = int(time.time() - 600) * 10**9
        made = sorted(timed(frames(1, 3000, sizes=(64, 700)), begin_ns, 10**8) + timed(frames(2, 1500), begin_ns + 500, 10**8),
                      key=lambda p: p.ts_ns)
        a, b = (write_pcap(self.folder / f"{s}.pcap", [p for p in made if p.data[29] == s], nanoseconds=True) for s in (1, 2))
        self.capture("-i", a, "-i", b, "-w", folder or self.out, "-S", "0.2", "--index", "flows")
        return made

    def at(self, console, screen, wait, headers=None):
        browser = self.browser()
        browser.open(f"{console.url}#{screen}", headers=headers)
        browser.wait(wait, screen)
        return browser

    def picture(self, browser, name, seconds=0.5):
        if PICTURES:
            browser.look(seconds)
            browser.screenshot(Path(PICTURES) / f"console-{name}.png", height=820)

    @func_test
    def find_downloads(self):
        """An expression is typed, what would be read is told, and the download has what tcpdump finds."""
        made = self.stored()
        console = self.console("--role", "analyst", self.out)
        browser = self.at(console, "find", "document.activeElement?.name === 'expression'")
        browser.run("document.querySelector('select[name=span]').value = ''")
        browser.type("src host 10.0.0.2")
        browser.key("Enter")
        browser.wait("document.getElementById('download')", "the estimate")
        verify("would be read" in browser.text() and "flows may match" in browser.text(), browser.text())
        down = self.make_folder("down")
        browser.download_into(down)
        browser.run("document.getElementById('download').click()")
        wait_until(lambda: (browser.look(), [f for f in down.iterdir() if f.suffix == ".pcapng"])[1], "the download")
        browser.look(1)
        assert_same(packets(next(down.iterdir())), [p for p in made if p.data[29] == 2])
        self.at_peace(browser, console)

    @func_test
    def find_shows_who_talked(self):
        """The largest hosts as a table with bars; a bad expression is answered in libpcap's words, as text."""
        self.stored()
        console = self.console("--role", "analyst", "--jobs", self.make_folder("jobs"), self.out)
        console.post("/api/jobs/add", {"expression": "udp and src host 10.0.0.2"})
        browser = self.at(console, "find", "document.querySelector('#jobs a')")
        browser.run("document.querySelector('select[name=span]').value = ''; document.querySelector('main button[type=button]').click()")
        browser.wait("document.querySelectorAll('#result tbody tr').length === 3", "the hosts")
        first = browser.run("document.querySelector('#result tbody tr').innerText")
        verify("10.1.0.1" in first and "4\u202f500" in first, first)
        self.picture(browser, "find")
        browser.run("document.querySelector('input[name=expression]').focus()")
        browser.type("<img src=x onerror=document.title=1>'; drop")
        browser.key("Enter")
        browser.wait("document.querySelector('#result .bad')", "a refusal")
        verify("<img src=x" in browser.text() and not browser.run("document.querySelectorAll('img').length"), browser.text())
        verify(browser.run("document.title") == "Find - braidcap", "the title")

    @func_test
    def segments_are_verified_and_held(self):
        """Each by its button; a hold is confirmed, here by keys alone, and taken back."""
        self.stored()
        console = self.console("--role", "operator", self.out)
        browser = self.at(console, "segments", "document.querySelector('tbody tr')")
        browser.run("document.querySelector('button[aria-label^=Verify]').click()")
        browser.wait("/whole, \\d+ packets/.test(document.querySelector('tbody tr').innerText)", "the check")
        mark = self.out / f".hold-{published(self.out)[-1].name}"
        button = "document.querySelector('tbody tr button[aria-label^=Hold]')"
        browser.run(f"{button}.focus()")
        browser.key("Enter")
        browser.wait("document.querySelector('dialog')", "the question")
        browser.key("Escape")
        browser.wait("!document.querySelector('dialog')", "no")
        verify(not mark.exists(), "it is held without a yes")
        browser.run(f"{button}.focus()")
        browser.key("Enter")
        browser.wait("document.querySelector('dialog')", "the question")
        browser.run("document.querySelector('dialog button.go').focus()")
        browser.key("Enter")
        browser.wait("document.querySelector('tbody tr strong')", "the hold")
        verify(mark.exists(), "there is no mark")
        self.picture(browser, "segments")
        browser.run("document.querySelector('tbody tr button[aria-label^=Release]').click()")
        browser.wait("document.querySelector('dialog')", "the question")
        browser.run("document.querySelector('dialog button.go').click()")
        wait_until(lambda: (browser.look(), not mark.exists())[1], "the release")
        self.at_peace(browser, console)

    @func_test
    def uploads_are_shown(self):
        """Of an output that uploads, on the screen Segments: how much waits, and that the store is away."""
        self.start("-i", "null:rate=2000", "-w", self.out, "-G", "0.3", "--upload", "s3://bucket/x/", "--s3-endpoint", "http://127.0.0.1:9",
                   "--drain-timeout", "0.1", env={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush"})
        console = self.console(self.out)
        browser = self.at(console, "segments", "/no store/.test(document.querySelector('#uploads tbody tr')?.innerText)")
        browser.wait("Number(document.querySelector('#uploads tbody td:nth-child(4)')?.innerText) > 0", "what waits")
        cells = browser.run("document.querySelector('#uploads tbody tr').innerText").split("\t")
        verify(cells[1] == "0" and "B" in cells[4] and cells[5], cells)
        self.at_peace(browser, console)

    @func_test
    def a_range_is_dragged(self):
        """On the timeline, with the mouse; Find takes it over. Buttons do the same."""
        self.stored()
        console = self.console("--role", "analyst", self.out)
        browser = self.at(console, "timeline", "document.querySelector('.timeline')")
        verify(re.search("about 4\u202f(500|499|501) packets", browser.text()), browser.text())
        left, top, width = browser.run("(() => { const r = document.querySelector('.timeline').getBoundingClientRect(); "
                                       "return [r.left, r.top, r.width]; })()")
        browser.drag(left + width * 0.5, top + 20, left + width * 0.75, top + 30)
        browser.wait("document.querySelector('rect.chosen')", "the range")
        chosen = browser.run("document.getElementById('range').innerText")
        verify("4\u202f500" not in chosen and "packets" in chosen, chosen)
        self.picture(browser, "timeline")
        browser.run("document.querySelector('form a').click()")
        browser.wait("document.querySelector('select[name=span]') && document.querySelector('select[name=span]').value === 'own' && "
                     "document.querySelector('input[name=from]').value", "the range on the screen Find")
        browser.run("document.querySelector('nav a:nth-child(2)').click()")
        browser.wait("document.querySelector('.timeline')", "the timeline")
        before = browser.run("document.querySelector('input[name=from]').value")
        browser.run("[...document.querySelectorAll('form button')].find((b) => b.textContent === 'Wider').click()")
        browser.wait(f"document.querySelector('input[name=from]').value !== '{before}'", "a wider range")
        self.at_peace(browser, console)

    @func_test
    def actions_are_confirmed(self):
        """Pause, resume, filter and rotate from the screen Now; without a yes nothing is done."""
        run = self.start("-i", "null:rate=2000", "-w", self.out)
        console = self.console("--role", "operator")
        browser = self.at(console, "now", "document.querySelector('.actions button')")

        def press(word, answer):
            browser.wait(f"[...document.querySelectorAll('button')].some((b) => b.textContent === '{word}')", word)
            browser.run(f"[...document.querySelectorAll('button')].find((b) => b.textContent === '{word}').click()")
            browser.wait("document.querySelector('dialog')", "the question")
            browser.run(f"document.querySelector('dialog button{answer}').click()")
            browser.wait("!document.querySelector('dialog')", "the answer")

        press("pause", "[type=button]")
        browser.look(1)
        verify(run.ask("/braidcap/info")["state"] == "running", "it was paused without a yes")
        press("pause", ".go")
        wait_until(lambda: (browser.look(), run.ask("/braidcap/info")["state"] == "paused")[1], "the pause")
        press("resume", ".go")
        wait_until(lambda: (browser.look(), run.ask("/braidcap/info")["state"] == "running")[1], "the resumption")
        browser.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'change').click()")
        browser.wait("document.querySelector('dialog input')", "the question")
        browser.type("no such word")
        browser.key("Enter")
        browser.wait("!document.getElementById('trouble').hidden", "the refusal")
        verify("no such word" in browser.run("document.getElementById('trouble').textContent"), browser.text()[:500])
        press("rotate", ".go")
        wait_until(lambda: (browser.look(), published(self.out))[1], "a segment")
        self.at_peace_but(browser, 409)

    def at_peace_but(self, browser, status):
        """The browser itself complains of a request that was refused."""
        browser.look()
        verify(all(str(status) in c for c in browser.complaints), browser.complaints)

    @func_test
    def a_viewer_sees_no_more(self):
        """Neither the screen Find nor buttons that act are there, nor do their requests work."""
        self.stored()
        run = self.start("-i", "null:rate=2000", "-w", self.make_folder("live"))
        console = self.console(self.out)
        browser = self.at(console, "now", f"document.querySelector('section[data-capture={run.prefix}] tbody')")
        verify(browser.run("[...document.querySelectorAll('nav a')].map((a) => a.textContent)") == ["Now", "Timeline", "Segments"], browser.text())
        verify(browser.run("document.querySelectorAll('main button').length") == 0, "a button")
        self.picture(browser, "now", seconds=20)
        verify(browser.run("fetch('/api/action', {method: 'POST', headers: {'X-Braidcap': '1', 'Content-Type': 'application/json'}, body: "
                           f"JSON.stringify({{capture: '{run.prefix}', action: 'stop'}})}}).then((r) => r.status)") == 403, "an action")
