// SPDX-License-Identifier: BSD-3-Clause
// The page: who is there, and which screen is shown.
import { el, get, trouble } from "/base.js";
import { find } from "/find.js";
import { now } from "/now.js";
import { segments } from "/segments.js";
import { timeline } from "/timeline.js";

const roles = ["viewer", "analyst", "operator"];
const screens = new Map([["now", now], ["timeline", timeline], ["find", find], ["segments", segments]]);
let shown = null, me = null;

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
	screen.show(main, me);
}

// 1 to 4 choose a screen, where nobody is typing.
function key(e) {
	const a = document.querySelectorAll("nav a")[Number(e.key) - 1];
	if (a && !e.ctrlKey && !e.altKey && !e.metaKey && !e.target.closest("input, select, dialog"))
		a.click();
}

async function begin() {
	try {
		me = await get("/api/me");
		document.getElementById("who").textContent = me.user ? `${me.user} (${me.role})` : me.role;
	} catch (e) {
		trouble(e.message);
		return;
	}
	for (const [id, s] of screens)
		if ((s.store && !me.store) || roles.indexOf(me.role) < roles.indexOf(s.role))
			screens.delete(id);
	document.getElementById("screens").append(...[...screens].map(([id, s]) => el("a", { href: `#${id}` }, s.name)));
	addEventListener("hashchange", show);
	addEventListener("keydown", key);
	show();
}

begin();
