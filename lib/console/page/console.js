// SPDX-License-Identifier: BSD-3-Clause
// The page: who is there, which screen is shown, and which keys do what.
import { dialog, el, get, table, trouble } from "/base.js";
import { find } from "/find.js";
import { now } from "/now.js";
import { segments } from "/segments.js";
import { timeline } from "/timeline.js";

const KEYS = [["1 to 4", "choose a screen"], ["?", "these keys"], ["Tab, Shift+Tab", "to the next thing, to the one before"], ["Enter, Space", "press it"],
	      ["Escape", "close a question: no"], ["Timeline: ← →, PageUp, PageDown, Home, End", "move along the plot"],
	      ["Timeline: Shift with these", "choose a range"], ["Timeline: Enter", "show the chosen range"], ["Timeline: Escape", "choose none"],
	      ["Timeline: + −", "narrower, wider"]];

const roles = ["viewer", "analyst", "operator"];
const screens = new Map([["now", now], ["timeline", timeline], ["find", find], ["segments", segments]]);
const main = document.getElementById("screen");
let shown = null, me = null;

function show() {
	const name = location.hash.slice(1).split("?")[0], screen = screens.get(name) || now;
	if (shown && shown.hide)
		shown.hide();
	shown = screen;
	document.title = `${screen.name} - braidcap`;
	for (const a of document.querySelectorAll("nav a"))
		if (a.textContent === screen.name)
			a.setAttribute("aria-current", "page");
		else
			a.removeAttribute("aria-current");
	main.replaceChildren();
	screen.show(main, me);
}

// What had the focus may be gone with its screen.
function change() {
	show();
	if (document.activeElement === document.body)
		main.focus();
}

// A setting of this browser, for whoever dictates, or types with keys that are easily hit.
let off = false;

// A browser may keep nothing: it then holds until the page is left.
function keep(v) {
	try {
		off = v ?? localStorage.getItem("keys") === "off";
		localStorage.setItem("keys", off ? "off" : "on");
	} catch {
		off = v ?? off;
	}
}

function help() {
	const box = el("input", { type: "checkbox", onchange: () => keep(!box.checked) });
	box.checked = !off;
	dialog("Keys", [table("Keys", [["key", "name"], ["does", "name"]], KEYS), el("label", { class: "check" }, box, "1 to 4 and ? are keys"),
			el("div", { class: "buttons" }, el("button", { value: "yes", class: "go" }, "Close"))]);
}

// Where nobody is typing.
function key(e) {
	if (off || e.ctrlKey || e.altKey || e.metaKey || e.target.closest("input, select, dialog"))
		return;
	const a = document.querySelectorAll("nav a")[Number(e.key) - 1];
	if (a) {
		a.click();
		main.focus();
	} else if (e.key === "?") {
		help();
	}
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
	document.getElementById("keys").addEventListener("click", help);
	document.getElementById("skip").addEventListener("click", (e) => {
		e.preventDefault();
		main.focus();
	});
	keep();
	addEventListener("hashchange", change);
	addEventListener("keydown", key);
	show();
}

begin();
