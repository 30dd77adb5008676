// SPDX-License-Identifier: BSD-3-Clause
// The part of the screen Find with queued finds: how far they are, and what they have found.
import { ask, bar, bytes, count, counted, el, get, percent, post, replace, say, table, trouble, when } from "/base.js";

const BUSY_MS = 1000, IDLE_MS = 5000;	// how often it is looked

let me = null, panel = null, timer = null, states = new Map(), drawn = "";

const clock = (ns) => when(ns / 1e6).replace("T", " ");
const named = (j) => j.expression || "all packets";

function times(j) {
	return [j.from_ns ? `from ${clock(j.from_ns)}` : "", j.to_ns ? `to ${clock(j.to_ns)}` : ""].filter(Boolean).join(" ") || "all";
}

function limits(j) {
	return [j.limited ? "as much as may be kept" : "", j.damaged ? counted(j.damaged, "damaged segment") : ""].filter(Boolean).join(", ");
}

// How far it is, or what became of it.
function state(j) {
	if (j.state === "failed")
		return el("span", { class: "bad" }, j.why);
	if (j.state === "queued")
		return "waits for its turn";
	if (j.state === "running")
		return el("span", {}, bar(j.percent, 100, `${j.percent} %`), j.to_read ? `${percent(j.percent, 100)}, ${bytes(j.read)} of ${bytes(j.to_read)} read`
			  : "looks into the indexes");
	return el("span", { class: j.complete ? "good" : "warn" }, j.complete ? "done" : `not all: ${limits(j)}`);
}

async function remove(j) {
	const ended = j.state === "done" || j.state === "failed";
	if (!await ask(`${ended ? "Remove" : "Cancel"} the find of ${named(j)}? ${ended ? "Its packets are then gone." : ""}`, ended ? "Remove" : "Cancel it"))
		return;
	try {
		await post("/api/jobs/remove", { id: j.id });
		trouble("");
	} catch (e) {
		trouble(e.message);
	}
	look();
}

function row(j) {
	const word = j.state === "queued" || j.state === "running" ? "Cancel" : "Remove";
	return [named(j), times(j), me.role === "operator" ? j.user || "anybody" : null, state(j), count(j.packets), bytes(j.bytes),
		j.expires_ns ? clock(j.expires_ns) : "",
		el("span", {}, j.state === "done" ? el("a", { href: `/api/jobs/packets?id=${j.id}`, download: "", "data-key": `get ${j.id}`,
			"aria-label": `Download ${named(j)}` }, "Download") : null, " ",
		   el("button", { type: "button", "data-key": `drop ${j.id}`, "aria-label": `${word} ${named(j)}`, onclick: () => remove(j) }, word))];
}

function draw(jobs) {
	const columns = [["find", "name"], ["time"], ["of"], ["state", "name"], ["packets", "n"], ["size", "n"], ["kept until", "n"], [""]];
	const shown = columns.map((c, i) => i !== 2 || me.role === "operator");
	const kept = (cells) => cells.filter((c, i) => shown[i]);
	replace(panel, ...(jobs.length ? [el("h2", {}, "Queued finds"), table("", kept(columns), jobs.map((j) => kept(row(j))))] : []));
	panel.hidden = !jobs.length;
}

// What has ended since the last look is told to who does not see it.
function tell(jobs) {
	for (const j of jobs)
		if (states.has(j.id) && states.get(j.id) !== j.state && (j.state === "done" || j.state === "failed"))
			say(j.state === "done" ? `${named(j)}: ${count(j.packets)} packets found` : `${named(j)}: ${j.why}`);
	states = new Map(jobs.map((j) => [j.id, j.state]));
}

async function look() {
	const mine = panel;
	let busy = false;
	clearTimeout(timer);
	if (!mine)
		return;
	try {
		const { jobs } = await get("/api/jobs");
		if (mine !== panel)
			return;
		busy = jobs.some((j) => j.state === "queued" || j.state === "running");
		tell(jobs);
		if (drawn !== JSON.stringify(jobs))
			draw(jobs);
		drawn = JSON.stringify(jobs);
	} catch (e) {
		if (mine !== panel)
			return;
		mine.hidden = false;
		mine.replaceChildren(el("p", { class: "bad" }, e.message));
		drawn = "";
	}
	clearTimeout(timer);
	timer = setTimeout(look, busy ? BUSY_MS : IDLE_MS);
}

export async function queue(parameters) {
	await post("/api/jobs/add", parameters);
	say("The find is queued.");
	await look();
}

export function showJobs(main, who) {
	me = who;
	drawn = "";
	panel = el("section", { id: "jobs", hidden: true });
	main.append(panel);
	look();
}

export function hideJobs() {
	clearTimeout(timer);
	panel = null;
}
