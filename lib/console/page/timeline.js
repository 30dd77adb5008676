// SPDX-License-Identifier: BSD-3-Clause
// The screen Timeline: packets and bytes over time, as the indexes of the store have them. A range is dragged, chosen by keys, or typed.
import { bytes, counted, el, get, perSecond, say, span, trouble, when } from "/base.js";

const BINS = 240, PAGE = 24, WIDTH = 960, HEIGHT = 200;

let panel = null, plot = null, note = null, form = null, range = null, chosen = null, line = null, timer = null, serial = 0;
// In bins: where the keys are, and where a range that they choose begins.
let cursor = 0, anchor = 0;

const msOf = (ns) => ns / 1e6;
const isFocused = () => document.activeElement === plot && plot.matches(":focus-visible");
const at = (x) => range[0] + (range[1] - range[0]) * Math.min(1, Math.max(0, x));

const binOf = (ms) => Math.round(BINS * (ms - range[0]) / (range[1] - range[0]));

function svg(values, words, kind) {
	const top = Math.max(...values, 1), w = WIDTH / values.length;
	const bars = values.map((v, i) => (v ? `M${(i * w).toFixed(2)},${HEIGHT} V${(HEIGHT - 1 - (HEIGHT - 8) * v / top).toFixed(2)} h${w.toFixed(2)} V${HEIGHT} Z` : ""));
	return el("svg", { class: `timeline ${kind}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": words },
		  el("title", {}, words), el("path", { class: "bars", d: bars.join("") || "M0,0" }),
		  chosen ? el("rect", { class: "chosen", x: WIDTH * (chosen[0] - range[0]) / (range[1] - range[0]), y: 0, height: HEIGHT,
					width: Math.max(1, WIDTH * (chosen[1] - chosen[0]) / (range[1] - range[0])) }) : null,
		  isFocused() ? el("line", { class: "cursor", x1: WIDTH * cursor / BINS, x2: WIDTH * cursor / BINS, y1: 0, y2: HEIGHT }) : null);
}

function sums() {
	const [from, to] = chosen || range, w = (range[1] - range[0]) / line.packets.length;
	let packets = 0, size = 0;
	line.packets.forEach((n, i) => {
		const begin = range[0] + i * w, share = Math.max(0, Math.min(to, begin + w) - Math.max(from, begin)) / w;
		packets += n * share;
		size += line.bytes[i] * share;
	});
	const seconds = (to - from) / 1000;
	return `${span(seconds)}: about ${counted(Math.round(packets), "packet")}, ${bytes(size)} stored before compression, ${perSecond(packets / seconds)}`;
}

function draw() {
	const w = (range[1] - range[0]) / line.packets.length / 1000, most = Math.max(...line.packets);
	const words = `Packets, at most ${perSecond(most / w)}`, sizes = `Bytes, at most ${bytes(Math.max(...line.bytes) / w)}/s`;
	plot.replaceChildren(el("p", { class: "dim" }, words), svg(line.packets, words, "packets"), el("p", { class: "dim" }, sizes),
			     svg(line.bytes, sizes, "bytes"),
			     el("div", { class: "axis dim" }, [0, .25, .5, .75, 1].map((x) => el("span", {}, when(at(x)).replace("T", " ")))));
	const [from, to] = chosen || range;
	form.from.value = when(from);
	form.to.value = when(to);
	note.replaceChildren(sums(), line.unindexed ? el("span", { class: "warn" }, `; ${counted(line.unindexed, "segment has", "segments have")} no index, left out`) : "",
			     line.spread ? el("span", { class: "dim" }, "; drawn as even where it is longer than a bar") : "");
	plot.setAttribute("aria-valuenow", cursor);
	plot.setAttribute("aria-valuetext", chosen ? `${when(from)} to ${when(to)}, ${sums()}` : when(at(cursor / BINS)));
	form.querySelector("a").href = `#find?from=${Math.floor(from)}&to=${Math.ceil(to)}`;
}

async function load() {
	const mine = ++serial;
	try {
		const iso = (ms) => new Date(ms).toISOString();
		const r = await get("/api/timeline", { bins: BINS, ...(range ? { from: iso(range[0]), to: iso(range[1]) } : {}) });
		if (mine !== serial)
			return;
		if (!r.known) {
			note.textContent = "The store is being looked through.";
			timer = setTimeout(load, 1000);
			return;
		}
		line = r;
		range = [msOf(r.from_ns), msOf(r.to_ns)];
		trouble("");
		draw();
		say(note.textContent);
	} catch (e) {
		if (mine === serial)
			trouble(e.message);
	}
}

function go(from, to) {
	range = [from, Math.max(to, from + 10)];
	chosen = null;
	cursor = 0;
	load();
}

// Widened or narrowed about its middle, or moved.
function move(scale, shift) {
	const middle = (range[0] + range[1]) / 2, half = (range[1] - range[0]) / 2;
	return () => range && go(middle + 2 * half * shift - half * scale, middle + 2 * half * shift + half * scale);
}

// What an arrow does to the cursor.
const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -PAGE, PageUp: PAGE, Home: -BINS, End: BINS };

function step(by, choose) {
	if (!choose || !chosen)
		anchor = cursor;
	cursor = Math.min(BINS, Math.max(0, cursor + by));
	chosen = choose && cursor !== anchor ? [at(Math.min(anchor, cursor) / BINS), at(Math.max(anchor, cursor) / BINS)] : null;
	draw();
}

function key(e) {
	if (!line || e.ctrlKey || e.altKey || e.metaKey)
		return;
	if (steps[e.key])
		step(steps[e.key], e.shiftKey);
	else if (e.key === "Enter" && chosen)
		go(...chosen);
	else if (e.key === "Escape" && chosen)
		step(0, false);
	else if (e.key === "+" || e.key === "-")
		move(e.key === "+" ? 1 / 3 : 3, 0)();
	else
		return;
	e.preventDefault();
}

function drag(e) {
	if (!line || e.button !== 0)
		return;
	const box = plot.getBoundingClientRect(), x = (v) => at((v.clientX - box.left) / box.width), begin = x(e);
	const follow = (v) => {
		chosen = [Math.min(begin, x(v)), Math.max(begin, x(v))];
		[anchor, cursor] = [begin, x(v)].map(binOf);
		draw();
	};
	const end = () => {
		removeEventListener("pointermove", follow);
		removeEventListener("pointerup", end);
		removeEventListener("pointercancel", end);
		if (chosen && chosen[1] - chosen[0] < (range[1] - range[0]) / 500)
			chosen = null;
		draw();
	};
	addEventListener("pointermove", follow);
	addEventListener("pointerup", end);
	addEventListener("pointercancel", end);
	e.preventDefault();
}

function typed(e) {
	e.preventDefault();
	const [from, to] = [form.from, form.to].map((f) => new Date(f.value).getTime());
	if (from < to)
		go(from, to);
}

export const timeline = {
	name: "Timeline",
	role: "viewer",
	store: true,
	show(main) {
		range = chosen = line = null;
		cursor = anchor = 0;
		plot = el("div", { id: "plot", tabindex: 0, role: "slider", "aria-label": "Time; with Shift a range of it, which Enter shows",
				   "aria-valuemin": 0, "aria-valuemax": BINS, "aria-valuenow": 0, onpointerdown: drag, onkeydown: key,
				   onfocus: () => line && draw(), onblur: () => line && draw() });
		note = el("p", { id: "range" }, "Looking into the indexes.");
		const button = (words, f) => el("button", { type: "button", onclick: f }, words);
		form = el("form", { class: "row", onsubmit: typed },
			  el("label", {}, "From", el("input", { name: "from", type: "datetime-local", step: 1 })),
			  el("label", {}, "To", el("input", { name: "to", type: "datetime-local", step: 1 })),
			  el("button", { class: "go" }, "Show this range"), button("Earlier", () => move(1, -.5)()), button("Later", () => move(1, .5)()),
			  button("Wider", () => move(3, 0)()), button("Narrower", () => move(1 / 3, 0)()),
			  button("All", () => { range = chosen = null; load(); }), el("a", { href: "#find" }, "Find in this range"));
		panel = el("section", {}, el("h2", {}, "Timeline"), note, plot, form);
		main.append(panel);
		load();
	},
	hide() {
		serial++;
		clearTimeout(timer);
		trouble("");
	},
};
