// SPDX-License-Identifier: BSD-3-Clause
// The screen Now: captures and the store, as events tell of them once a second.
import { ask, bar, bits, bytes, count, el, percent, perSecond, post, replace, shortTime, span, sparkline, table, trouble, when } from "/base.js";

const KEPT = 120;	// values of a plot

let me = null, events = null, before = null, history = new Map(), panel = null, pressed = false;

const press = () => { pressed = true; };
const release = () => { pressed = false; };

const byPrefix = (now, prefix) => (now ? now.captures : []).find((c) => c.prefix === prefix && c.info);
const list = (v) => (Array.isArray(v) ? v : []);
const sum = (elements, key) => list(elements).reduce((n, e) => n + (e[key] || 0), 0);

// What a counter did in a second between two events of one capture.
function rateOf(now, old, value) {
	const seconds = old ? (now.info.now_ns - old.info.now_ns) / 1e9 : 0;
	return seconds > 0 && now.info.started_ns === old.info.started_ns ? Math.max(0, value(now) - value(old)) / seconds : 0;
}

function figure(name, value, kind) {
	return [el("dt", {}, name), el("dd", { class: kind }, value)];
}

function lossesOf(capture) {
	const found = new Map();
	for (const part of ["sources", "outputs"])
		for (const e of list(capture[part]))
			for (const [reason, n] of Object.entries(e.dropped || {}))
				found.set(reason, (found.get(reason) || 0) + n);
	return found;
}

function buffersOf(capture) {
	const all = list(capture.outputs).map((o) => o.buffers || {});
	return [all.reduce((n, b) => n + (b.total || 0) - (b.free || 0), 0), sum(all, "total")];
}

function figures(c, old) {
	const balance = c.info.balance || {}, lost = rateOf(c, old, (x) => x.info.balance.dropped || 0), [used, total] = buffersOf(c);
	const clock = c.clock || {};
	return el("dl", { class: "figures" }, ...[
		figure("packets", perSecond(rateOf(c, old, (x) => sum(x.sources, "received")))),
		figure("on the wire", bits(8 * rateOf(c, old, (x) => sum(x.sources, "received_bytes")))),
		figure("to disk", bytes(rateOf(c, old, (x) => sum(x.outputs, "file_bytes"))) + "/s"),
		figure("lost now", perSecond(lost), lost ? "bad" : "good"),
		figure("lost in all", `${count(balance.dropped)} (${percent(balance.dropped || 0, balance.received)})`, balance.dropped ? "warn" : ""),
		figure("unaccounted", count(balance.unaccounted), balance.unaccounted ? "bad" : "good"),
		figure("buffers in use", percent(used, total), used > total / 2 ? "warn" : ""),
		figure("clock error", clock.rms_ns === undefined ? "unknown" : shortTime(clock.rms_ns / 1e9)),
	].map((f) => el("div", {}, ...f)));
}

function sourcesTable(c, old) {
	const was = (i) => (x) => x.sources[i] || {};
	return table("Sources", [["source", "name"], ["interface"], ["state"], ["packets", "n"], ["bits", "n"], ["received", "n"], ["lost", "n"],
				 ["ring"]],
		     list(c.sources).map((s, i) => [s.name, `${s.interface} / ${s.queue}`,
			el("span", { class: s.state === "failed" ? "bad" : "" }, s.state),
			perSecond(rateOf(c, old, (x) => was(i)(x).received || 0)), bits(8 * rateOf(c, old, (x) => was(i)(x).received_bytes || 0)),
			count(s.received), count(Object.values(s.dropped || {}).reduce((a, b) => a + b, 0)),
			bar(s.link_used, s.link_size, `${percent(s.link_used, s.link_size)} of the link`)]));
}

function outputsTable(c, old) {
	return table("Outputs", [["output", "name"], ["filter", "name"], ["written", "n"], ["to disk", "n"], ["smaller by", "n"], ["segments", "n"],
				 ["lost", "n"], ["buffers"]],
		     list(c.outputs).map((o, i) => {
			const used = o.buffers ? o.buffers.total - o.buffers.free : 0;
			return [o.trouble ? el("span", { class: "bad" }, `${o.name}: ${o.trouble}`) : o.name, filterOf(c, o, i), count(o.written),
				bytes(rateOf(c, old, (x) => (x.outputs[i] || {}).file_bytes || 0)) + "/s",
				o.file_bytes ? (o.written_bytes / o.file_bytes).toFixed(1) + "\u00a0×" : "", count(o.published),
				count(Object.values(o.dropped || {}).reduce((a, b) => a + b, 0)),
				bar(used, o.buffers && o.buffers.total, `${used} of ${o.buffers ? o.buffers.total : 0} buffers in use`)];
		     }));
}

function lossesTable(c, old) {
	const now = lossesOf(c);
	if (!now.size)
		return el("p", { class: "good" }, "No packet has been lost.");
	return table("Losses", [["name", "name"], ["packets", "n"], ["share", "n"], ["now", "n"]], [...now].map(([reason, n]) => [reason, count(n),
		percent(n, c.info.balance.received), perSecond(rateOf(c, old, (x) => lossesOf(x).get(reason) || 0))]));
}

// Who gets live packets.
function tapTable(c, old) {
	const tap = c.info.pcap_over_ip;
	if (!tap)
		return null;
	const was = (address) => (x) => list((x.info.pcap_over_ip || {}).clients).find((k) => k.address === address) || {};
	const caption = `Live packets as ${tap.format} at ${tap.address}${tap.tls ? ", TLS" : ""}: ${count(tap.open)} connected, ${count(tap.connected)} in all, ${count(tap.refused)} refused`;
	return table(caption, [["client", "name"], ["since", "n"], ["packets", "n"], ["sent", "n"], ["missed", "n"]], list(tap.clients).map((k) =>
		[k.address, when(k.since_ns / 1e6).replace("T", " "), perSecond(rateOf(c, old, (x) => was(k.address)(x).sent || 0)), count(k.sent),
		 el("span", { class: k.client_slow ? "warn" : "" }, count(k.client_slow))]));
}

// Where outputs send to, and what has not gone yet.
function peersTable(c) {
	const rows = list(c.outputs).filter((o) => o.peer).map((o) => [o.name, el("span", { class: o.peer.up ? "good" : "bad" }, o.peer.up ? "connected" : "away"),
		bytes(o.peer.queued_bytes), bytes(o.peer.spool_bytes), bytes(o.peer.unacked_bytes), count(o.peer.connects)]);
	return rows.length ? table("Remote peers", [["output", "name"], ["state"], ["waiting", "n"], ["of these in the spool", "n"], ["not acknowledged", "n"],
						    ["connections", "n"]], rows) : null;
}

// Who sends to a collector.
function clientsTable(c, old) {
	const was = (name) => (x) => list(x.clients).find((k) => k.name === name) || {};
	return list(c.clients).length ? table("Clients", [["client", "name"], ["state"], ["from"], ["since", "n"], ["packets", "n"], ["received", "n"],
							  ["connections", "n"], ["last end", "name"]],
		list(c.clients).map((k) => [k.name, el("span", { class: k.state === "connected" ? "good" : "warn" }, k.state),
			`${k.address}${k.tls ? `, TLS ${k.certificate}` : ""}`, k.since_ns ? when(k.since_ns / 1e6).replace("T", " ") : "",
			perSecond(rateOf(c, old, (x) => was(k.name)(x).packets || 0)), count(k.packets), count(k.connections), k.last_end])) : null;
}

function lcoresTable(c, old) {
	const busy = (x, l, s) => (((x.lcores || [])[l] || {}).stages || [])[s]?.busy_ns || 0;
	return table("CPUs", [["CPU", "n"], ["busy"], ["", "n"], ["stages", "name"]], list(c.lcores).map((l, i) => {
		const stages = list(l.stages).map((s, k) => [s.name, rateOf(c, old, (x) => busy(x, i, k)) / 1e9]);
		const all = stages.reduce((n, s) => n + s[1], 0);
		return [l.cpu, bar(all, 1, percent(all, 1)), percent(all, 1), stages.map((s) => `${s[0]} ${percent(s[1], 1)}`).join(", ")];
	}));
}

function remember(c, old) {
	const values = history.get(c.prefix) || [];
	if (old)
		values.push(rateOf(c, old, (x) => sum(x.sources, "received")));
	history.set(c.prefix, values.slice(-KEPT));
	return history.get(c.prefix);
}

const questions = {
	rotate: (c) => `Start new segments in ${c.prefix}?`,
	pause: (c) => `Pause ${c.prefix}? Packets are then lost, and counted as paused, until it is resumed.`,
	resume: (c) => `Resume ${c.prefix}?`,
	stop: (c) => `Stop ${c.prefix}? It writes what it has, and ends.`,
};

async function act(c, action, more) {
	try {
		await post("/api/action", { capture: c.prefix, action, ...more });
		trouble("");
	} catch (e) {
		trouble(`${c.prefix}: ${e.message}`);
	}
}

function actionButton(c, action) {
	const run = async () => await ask(questions[action](c), action[0].toUpperCase() + action.slice(1)) && act(c, action);
	return el("button", { type: "button", "data-key": `${c.prefix} ${action === "resume" ? "pause" : action}`, "aria-label": `${action} ${c.prefix}`,
			      onclick: run }, action);
}

function actionButtons(c) {
	if (me.role !== "operator" || !["running", "paused"].includes(c.info.state))
		return null;
	return el("span", { class: "actions" }, [c.info.state === "paused" ? "resume" : "pause", "rotate", "stop"].map((a) => actionButton(c, a)));
}

function filterOf(c, o, i) {
	const words = o.filter || el("span", { class: "dim" }, "all packets");
	if (me.role !== "operator" || !["running", "paused"].includes(c.info.state))
		return words;
	const change = async () => {
		const expression = await ask(`A new filter for ${o.name}; nothing: all packets. What it does not match is not written.`, "Filter",
					     { value: o.filter || "", label: "expression" });
		if (expression !== null)
			await act(c, "filter", { output: i, expression });
	};
	return el("span", {}, words, " ", el("button", { type: "button", "data-key": `${c.prefix} filter ${i}`, "aria-label": `change the filter of ${o.name}`, onclick: change }, "change"));
}

function captureSection(c, old) {
	const title = el("h2", {}, c.prefix);
	if (!c.info)
		return el("section", { "data-capture": c.prefix }, el("div", { class: "head" }, title, el("span", { class: "bad" }, "does not answer")));
	const values = remember(c, old), top = Math.max(...values, 0);
	const state = c.info.state;
	return el("section", { "data-capture": c.prefix },
		  el("div", { class: "head" }, title, el("span", { class: state === "running" ? "good" : "warn" }, state),
		     el("span", { class: "dim" }, `since ${when(c.info.started_ns / 1e6).replace("T", " ")}, version ${c.info.version}`),
		     actionButtons(c)),
		  figures(c, old),
		  el("p", { class: "dim" }, `Packets a second during the last ${values.length} s, at most ${perSecond(top)}`),
		  sparkline(values, `packets a second during the last ${values.length} s, at most ${perSecond(top)}`),
		  lossesTable(c, old), sourcesTable(c, old), clientsTable(c, old), outputsTable(c, old), peersTable(c), tapTable(c, old),
		  lcoresTable(c, old),
		  el("h3", {}, "Clock"), el("p", { class: "dim" }, (c.clock || {}).description || "unknown"));
}

function storeSection(now) {
	const s = now.store, perDay = s && s.day_ns ? s.day_bytes * 86400e9 / s.day_ns : 0;
	return el("section", { id: "store" }, el("h2", {}, "Store"), el("dl", { class: "figures" }, ...[
		figure("oldest packet", s && s.oldest_ns ? when(s.oldest_ns / 1e6).replace("T", " ") : s ? "none" : "looking"),
		figure("kept", s && s.oldest_ns ? span((now.now_ns - s.oldest_ns) / 1e9) : "0"),
		figure("segments", s ? count(s.segments) : ""), figure("size", s ? bytes(s.bytes) : ""),
		figure("a day, at this rate", perDay ? bytes(perDay) : "unknown"),
		figure("not readable", s ? count(s.bad) : "", s && s.bad ? "bad" : ""),
		...now.disks.map((d) => figure(`free at ${d.path}`, `${bytes(d.free)} (${percent(d.free, d.bytes)})`,
					       d.free < d.bytes / 20 ? "bad" : "")),
	].map((f) => el("div", {}, ...f))));
}

function draw(now) {
	const captures = list(now.captures);
	replace(panel, ...[...captures.map((c) => captureSection(c, byPrefix(before, c.prefix))),
		 captures.length ? null : el("section", {}, el("p", {}, "No capture of this user is running.")),
		 now.store || now.disks.length ? storeSection(now) : null].filter(Boolean));
	before = now;
}

export const now = {
	name: "Now",
	role: "viewer",
	show(main, who) {
		me = who;
		panel = main;
		history = new Map();
		before = null;
		events = new EventSource("/api/events");
		events.onopen = () => trouble("");
		events.onmessage = (e) => pressed || draw(JSON.parse(e.data));
		events.onerror = () => trouble("The console does not answer; trying again.");
		// A button that is drawn anew while it is pressed would not know of it.
		pressed = false;
		for (const kind of ["pointerdown", "keydown"])
			panel.addEventListener(kind, press);
		for (const kind of ["pointerup", "pointercancel", "keyup", "blur"])
			addEventListener(kind, release);
	},
	hide() {
		events.close();
		for (const kind of ["pointerdown", "keydown"])
			panel.removeEventListener(kind, press);
		for (const kind of ["pointerup", "pointercancel", "keyup", "blur"])
			removeEventListener(kind, release);
		trouble("");
	},
};
