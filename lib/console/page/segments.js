// SPDX-License-Identifier: BSD-3-Clause
// The screen Segments: what is stored, the newest first; verified and held.
import { ask, bytes, count, counted, el, get, post, replace, say, span, table, trouble, when } from "/base.js";

const UPLOADS_MS = 5000;	// how often it is asked how far they are

let me = null, panel = null, uploads = null, shown = [], all = 0;

const mayVerify = () => me.role !== "viewer", mayHold = () => me.role === "operator";

async function verify(s) {
	s.checked = ["reading", "dim"];
	draw();
	try {
		const v = await post("/api/segments/verify", { path: s.path });
		const late = v.backwards ? `, ${count(v.backwards)} late` : "";
		s.checked = v.whole ? [`whole, ${counted(v.packets, "packet")}${late}`, "good"] : [v.why, "bad"];
	} catch (e) {
		s.checked = [e.message, "bad"];
	}
	say(`${s.path.split("/").pop()}: ${s.checked[0]}`);
	draw();
}

async function hold(s) {
	const words = s.held ? `Release ${s.path}? Retention may remove it then.` : `Hold ${s.path}? Retention leaves it alone until it is released.`;
	if (!await ask(words, s.held ? "Release" : "Hold"))
		return;
	try {
		s.held = (await post("/api/segments/hold", { path: s.path, hold: !s.held })).held;
		trouble("");
	} catch (e) {
		trouble(e.message);
	}
	draw();
}

function row(s) {
	const [words, kind] = s.checked || ["", ""];
	const button = (word, f) => el("button", { type: "button", onclick: () => f(s), "aria-label": `${word} ${s.path}`,
						    "data-key": `${f.name} ${s.path}` }, word);
	return [s.path.split("/").pop(), when(s.first_ns / 1e6).replace("T", " "), s.packets === undefined ? "" : count(s.packets), bytes(s.bytes),
		s.indexed ? "yes" : el("span", { class: "dim" }, "no"),
		el("span", {}, s.held ? el("strong", {}, "held ") : null, s.local && mayHold() ?
		   button(s.held ? "Release" : "Hold", hold) : null),
		el("span", {}, s.local && mayVerify() ? button("Verify", verify) : null, " ", el("span", { class: kind }, words))];
}

function draw() {
	const columns = [["segment", "name"], ["first packet", "n"], ["packets", "n"], ["size", "n"], ["index"], ["hold"], ["check", "name"]];
	replace(panel, el("h2", {}, "Segments"), el("p", { class: "dim", role: "status" }, `${count(shown.length)} of ${count(all)}, the newest first`),
			      shown.length ? table("", columns, shown.map(row)) : el("p", {}, "There is no segment."),
			      shown.length < all ? el("p", {}, el("button", { type: "button", onclick: more }, "Older ones")) : "");
}

function uploadRow(output, u, now) {
	const state = u.failed ? [`${count(u.failed)} refused`, "bad"] : u.down ? ["no store", "warn"] : ["", ""];
	return [output, count(u.uploaded), bytes(u.uploaded_bytes), count(u.waiting), bytes(u.waiting_bytes),
		u.waiting ? span(Math.max(0, now - u.oldest_waiting_ns) / 1e9) : "", el("span", { class: u.missed ? "bad" : "" }, count(u.missed)),
		el("span", { class: state[1] }, state[0])];
}

// Of each output that brings its segments to object storage.
async function showUploads() {
	const mine = uploads;
	try {
		const now = await get("/api/now");
		const rows = now.captures.flatMap((c) => (Array.isArray(c.outputs) ? c.outputs : []).filter((o) => o.upload)
			.map((o) => uploadRow(o.name, o.upload, now.now_ns)));
		const columns = [["output", "name"], ["uploaded", "n"], ["", "n"], ["waiting", "n"], ["", "n"], ["the oldest", "n"], ["missed", "n"],
				 ["state", "name"]];
		mine.replaceChildren(...(rows.length ? [el("section", { id: "uploads" }, el("h2", {}, "Uploads"), table("", columns, rows))] : []));
	} catch (e) {
		mine.replaceChildren(el("p", { class: "bad" }, e.message));
	}
	setTimeout(() => mine.isConnected && showUploads(), UPLOADS_MS);
}

async function more() {
	try {
		const last = shown.at(-1);
		const r = await get("/api/segments", last ? { before_ns: last.first_ns_text } : {});
		if (!r.known) {
			panel.replaceChildren(el("p", { role: "status" }, "The store is being looked through."));
			setTimeout(() => panel.isConnected && more(), 1000);
			return;
		}
		all = r.all;
		shown.push(...r.segments);
		draw();
	} catch (e) {
		trouble(e.message);
	}
}

export const segments = {
	name: "Segments",
	role: "viewer",
	store: true,
	show(main, who) {
		me = who;
		shown = [];
		panel = el("section", { id: "segments" });
		uploads = el("div");
		main.append(uploads, panel);
		showUploads();
		more();
	},
	hide() {
		trouble("");
	},
};
