// SPDX-License-Identifier: BSD-3-Clause
// The page: who is there, and which screen is shown.
import { el, get, trouble } from "/base.js";
import { now } from "/now.js";

const screens = new Map([["now", now]]);
let shown = null;

function show() {
	const name = location.hash.slice(1).split("?")[0], screen = screens.get(name) || now;
	const main = document.getElementById("screen");
	if (shown && shown.hide)
		shown.hide();
	shown = screen;
	document.title = `${screen.name} - braidcap`;
	for (const a of document.querySelectorAll("nav a"))
		a.toggleAttribute("aria-current", a.textContent === screen.name);
	main.replaceChildren();
	screen.show(main);
}

// 1 to 4 choose a screen, where nobody is typing.
function key(e) {
	const a = document.querySelectorAll("nav a")[Number(e.key) - 1];
	if (a && !e.ctrlKey && !e.altKey && !e.metaKey && !e.target.closest("input, select, dialog"))
		a.click();
}

async function begin() {
	try {
		const me = await get("/api/me");
		document.getElementById("who").textContent = me.user ? `${me.user} (${me.role})` : me.role;
	} catch (e) {
		trouble(e.message);
		return;
	}
	document.getElementById("screens").append(...[...screens].map(([id, s]) => el("a", { href: `#${id}` }, s.name)));
	addEventListener("hashchange", show);
	addEventListener("keydown", key);
	show();
}

begin();
