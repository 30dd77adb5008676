// SPDX-License-Identifier: BSD-3-Clause
// The screen Find: an expression and a time; what would be read, the packets, and who talked.
import { bar, bytes, count, counted, el, get, percent, span, table, when } from "/base.js";
import { hideJobs, queue, showJobs } from "/jobs.js";

const SPANS = [["15m", "last 15 minutes"], ["1h", "last hour"], ["6h", "last 6 hours"], ["1d", "last day"], ["7d", "last week"], ["", "all"],
	       ["own", "from … to …"]];

// So much takes long enough to be queued rather than waited for.
const LARGE = 1e9;

let me = null, form = null, result = null, asked = null;

// What the form says, as the API takes it; times are the browser's and travel as UTC.
function parameters() {
	const p = { expression: form.expression.value.trim() };
	if (form.span.value !== "own")
		return form.span.value ? { ...p, last: form.span.value } : p;
	for (const key of ["from", "to"])
		if (form[key].value)
			p[key] = new Date(form[key].value).toISOString();
	return p;
}

function say(...children) {
	result.replaceChildren(...children);
}

async function during(words, work) {
	if (asked)
		asked.abort();
	const mine = asked = new AbortController();
	say(el("p", { role: "status" }, words));
	try {
		const children = await work(mine.signal);
		if (asked === mine)
			say(...children);
	} catch (e) {
		if (asked === mine)
			say(el("p", { class: "bad", role: "alert" }, e.message));
	}
}

function commandOf(p) {
	const quoted = (s) => `'${s.replaceAll("'", "'\\''")}'`;
	const times = Object.entries(p).filter(([k]) => k !== "expression").map(([k, v]) => ` --${k} ${v}`).join("");
	return `braidcap find ${quoted(p.expression)} PATH${times} | wireshark -k -i -`;
}

function queueButton(p, large) {
	const button = el("button", { type: "button", id: "queue", class: large ? "go" : "", onclick: async () => {
		button.disabled = true;
		try {
			await queue(p);
			button.after(" It is queued, below.");
			[...document.querySelectorAll("#jobs button")].at(-1)?.focus();
		} catch (e) {
			button.disabled = false;
			button.after(el("span", { class: "bad", role: "alert" }, ` ${e.message} `));
		}
	} }, "Queue it");
	return button;
}

// The way that is better for so much comes first.
function ways(p, toRead) {
	const url = `/api/find/packets?${new URLSearchParams(p)}`, large = toRead > LARGE;
	const now = el("p", {}, el("a", { href: url, id: "download", download: "" }, "Download the packets"), " as pcapng, or open them on this host:");
	const later = me.jobs ? el("p", {}, queueButton(p, large), large ? " That is much: queued, it goes on while this page is closed."
				   : " It goes on while this page is closed, and its packets are kept for a while.") : null;
	const command = el("p", {}, el("code", {}, commandOf(p)));
	return (large ? [later, now, command] : [now, command, later]).filter(Boolean);
}

function estimate() {
	const p = parameters();
	return during("Looking into the indexes.", async (signal) => {
		const e = await get("/api/find/estimate", p, signal);
		return [el("p", { role: "status" }, `${bytes(e.to_read)} of ${bytes(e.bytes)} would be read, in ${count(e.read_whole + e.read_blocks)} of `
			   + counted(e.segments, "segment"), e.flows ? `; ${count(e.flows_wanted)} of ${count(e.flows)} flows may match.` : "."),
			...ways(p, e.to_read)];
	});
}

function nameOf(f, by) {
	const end = (a, port) => (port ? `${a} : ${port}` : a);
	if (by === "port")
		return `${f.proto} ${f.a_port}`;
	return by === "flow" ? `${f.proto}  ${end(f.a, f.a_port)}  ↔  ${end(f.b, f.b_port)}` : f.a;
}

function talkers() {
	const p = parameters(), by = form.by.value, sort = form.sort.value;
	return during("Adding up the flows in the indexes.", async (signal) => {
		const r = await get("/api/flows", { ...p, by, sort, top: 50 }, signal);
		const most = Math.max(...r.flows.map((f) => f.bytes), 0);
		const rows = r.flows.map((f) => [nameOf(f, by), bar(f.bytes, most, `${percent(f.bytes, most)} of the largest`), bytes(f.bytes),
						 count(f.packets), when(f.first_ns / 1e6).replace("T", " "), span((f.last_ns - f.first_ns) / 1e9)]);
		return [el("p", { role: "status" }, `${count(r.flows.length)} shown, of ${counted(r.segments, "segment")}.`,
			   r.without ? el("span", { class: "warn" }, ` ${count(r.without)} of these have packets that no index of flows tells of: `
					  + "these packets are left out here, but not of a search.") : null),
			table("Who talked", [[by, "name"], ["share"], ["bytes", "n"], ["packets", "n"], ["first", "n"], ["for", "n"]], rows)];
	});
}

function choice(name, label, options) {
	return el("label", {}, label, el("select", { name }, options.map(([v, words]) => el("option", { value: v }, words))));
}

// Times of another screen: #find?from=MS&to=MS
function takeTimes() {
	const given = new URLSearchParams(location.hash.split("?")[1] || "");
	if (given.get("from")) {
		form.span.value = "own";
		form.from.value = when(Number(given.get("from")));
		form.to.value = when(Number(given.get("to")));
	}
	showTimes();
}

function showTimes() {
	for (const l of form.querySelectorAll(".time"))
		l.hidden = form.span.value !== "own";
}

export const find = {
	name: "Find",
	role: "analyst",
	store: true,
	show(main, who) {
		me = who;
		form = el("form", { class: "row", onsubmit: (e) => {
			e.preventDefault();
			estimate();
		} }, el("label", { class: "wide" }, "Expression, as of tcpdump; nothing: all packets",
			el("input", { name: "expression", placeholder: "host 192.0.2.7 and tcp port 443", autocomplete: "off", spellcheck: "false",
				      maxlength: 4000 })),
			choice("span", "Time", SPANS),
			el("label", { class: "time" }, "From", el("input", { name: "from", type: "datetime-local", step: 1 })),
			el("label", { class: "time" }, "To", el("input", { name: "to", type: "datetime-local", step: 1 })),
			el("button", { class: "go" }, "Estimate and find"),
			choice("by", "Who talked, by", [["host", "host"], ["flow", "flow"], ["port", "port"], ["network", "network"]]),
			choice("sort", "Most", [["bytes", "bytes"], ["packets", "packets"], ["duration", "time"]]),
			el("button", { type: "button", onclick: talkers }, "Who talked"));
		form.span.addEventListener("change", showTimes);
		result = el("div", { id: "result" });
		main.append(el("section", {}, el("h2", {}, "Find packets"), form, result));
		if (me.jobs)
			showJobs(main, me);
		takeTimes();
		form.expression.focus();
	},
	hide() {
		if (asked)
			asked.abort();
		asked = null;
		hideJobs();
	},
};
