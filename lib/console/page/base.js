// SPDX-License-Identifier: BSD-3-Clause
// What all screens use: elements, words for numbers, requests, questions.

// Text only ever becomes text: names of interfaces, files and filters are anybody's.
export function el(tag, properties, ...children) {
	const svg = ["svg", "path", "rect", "line", "text", "g", "title"].includes(tag);
	const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
	for (const [key, value] of Object.entries(properties || {}))
		if (key.startsWith("on"))
			e.addEventListener(key.slice(2), value);
		else if (value === true)
			e.setAttribute(key, "");
		else if (value !== false && value !== null && value !== undefined)
			e.setAttribute(key, value);
	e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
	return e;
}

function scaled(v, units, base) {
	let i = 0;
	for (v = Number(v) || 0; Math.abs(v) >= base && i + 1 < units.length; i++)
		v /= base;
	return (i && Math.abs(v) < 99.95 ? v.toFixed(1) : Math.round(v)) + "\u00a0" + units[i];
}

export const count = (v) => Math.round(v || 0).toLocaleString("en-US").replaceAll(",", "\u202f");
// "1 packet", "2 packets".
export const counted = (v, one, many = `${one}s`) => `${count(v)} ${v === 1 ? one : many}`;
export const bytes = (v) => scaled(v, ["B", "kB", "MB", "GB", "TB", "PB"], 1000);
export const bits = (v) => scaled(v, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"], 1000);
export const perSecond = (v) => scaled(v, ["/s", "k/s", "M/s", "G/s"], 1000);
export const percent = (part, all) => (all ? Math.round(100 * part / all) : 0) + "\u00a0%";

export function shortTime(seconds) {
	const a = Math.abs(seconds);
	if (a < 1e-6)
		return Math.round(seconds * 1e9) + "\u00a0ns";
	if (a < 1e-3)
		return (seconds * 1e6).toFixed(1) + "\u00a0µs";
	return a < 1 ? (seconds * 1e3).toFixed(1) + "\u00a0ms" : span(seconds);
}

export function span(seconds) {
	for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]])
		if (seconds >= size)
			return (seconds / size).toFixed(seconds < 10 * size ? 1 : 0) + "\u00a0" + unit;
	return seconds.toFixed(seconds < 10 ? 1 : 0) + "\u00a0s";
}

const two = (n) => String(n).padStart(2, "0");

// Local time, as the command line takes it.
export function when(ms) {
	const d = new Date(ms);
	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function trouble(text) {
	const p = document.getElementById("trouble");
	p.textContent = text || "";
	p.hidden = !text;
}

async function answer(response) {
	const body = await response.json().catch(() => ({}));
	if (!response.ok)
		throw new Error(body.error || `the console answered ${response.status}`);
	return body;
}

export async function get(path, parameters, signal) {
	const query = new URLSearchParams(parameters || {}).toString();
	return answer(await fetch(query ? `${path}?${query}` : path, { signal }));
}

export async function post(path, body) {
	return answer(await fetch(path, { method: "POST", body: JSON.stringify(body),
					  headers: { "Content-Type": "application/json", "X-Braidcap": "1" } }));
}

// Said by a screen reader, and not shown.
export function say(text) {
	document.getElementById("said").textContent = text;
}

const byKey = (among, key) => [...among.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key);

// Over the page, with the focus inside, until it is answered or Escape; then the focus is back where it was, or on what was drawn anew
// in its place. What the button that closed it is worth; "" for none.
export function dialog(words, children) {
	return new Promise((resolve) => {
		const before = document.activeElement, key = before?.dataset.key;
		const box = el("dialog", { "aria-label": words, onclose: () => {
			box.remove();
			(before?.isConnected ? before : key && byKey(document, key))?.focus();
			resolve(box.returnValue);
		} }, el("form", { method: "dialog" }, children));
		document.body.append(box);
		box.showModal();
	});
}

// A question that has to be answered; with a field, what is in it. null: no.
export async function ask(question, word, field) {
	const input = field && el("input", { value: field.value, size: 40, "aria-label": field.label, spellcheck: "false" });
	const answer = await dialog(question, [el("p", {}, question), input, el("div", { class: "buttons" },
		el("button", { type: "button", onclick: (e) => e.target.closest("dialog").close("") }, "Cancel"),
		el("button", { value: "yes", class: "go" }, word))]);
	return answer === "yes" ? (input ? input.value : true) : null;
}

export function table(caption, columns, rows) {
	return el("div", { class: "scroll" }, el("table", {}, el("caption", {}, caption),
		el("thead", {}, el("tr", {}, columns.map((c) => el("th", { class: c[1], scope: "col" }, c[0])))),
		el("tbody", {}, rows.map((r) => el("tr", {}, r.map((v, i) => el("td", { class: columns[i][1] }, v)))))));
}

export function bar(part, all, words) {
	const share = all ? Math.min(100, 100 * part / all) : 0;
	return el("span", { class: "bar", role: "img", "aria-label": words, title: words },
		  el("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none" }, el("rect", { width: share, height: 10 })));
}

// The last values of something, the newest at the right end, as an area: over the whole width once there are some.
export function sparkline(values, words) {
	const top = Math.max(...values, 1), step = 300 / Math.max(values.length - 1, 10), begin = 300 - step * (values.length - 1);
	const points = values.map((v, i) => `${(begin + i * step).toFixed(1)},${(60 - 58 * v / top).toFixed(1)}`);
	if (!points.length)
		points.push("300,60");
	return el("svg", { class: "plot", viewBox: "0 0 300 60", preserveAspectRatio: "none", role: "img", "aria-label": words },
		  el("title", {}, words), el("path", { class: "area", d: `M${begin.toFixed(1)},60 L${points.join(" L")} L300,60 Z` }),
		  el("path", { class: "edge", d: `M${points.join(" L")}` }));
}

// What has the keyboard's focus keeps it where the same thing is drawn anew: data-key is its name.
export function replace(panel, ...children) {
	const key = document.activeElement?.dataset.key;
	panel.replaceChildren(...children);
	if (key)
		byKey(panel, key)?.focus();
}
