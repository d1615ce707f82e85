// Replicas as cells that fill with what is in flight, and as a table.

import { element, say } from "./element.js";
import { count, milliseconds, number } from "./format.js";

// From here on a cell is only a square, and a smaller one: what it is called stands in the table.
const many = 24;
const crowd = 240;

const signs = { ready: "", connecting: "…", ejected: "×", draining: "↓" };

export class Cells {
  #list;
  #cells = new Map(); // by name

  constructor(list) { this.#list = list; }

  show(replicas) {
    const dense = replicas.length > many;
    this.#list.classList.toggle("dense", dense);
    this.#list.classList.toggle("crowd", replicas.length > crowd);
    this.#list.ariaHidden = dense ? "true" : null; // a thousand squares tell a screen reader nothing
    const short = shortener(replicas.map((r) => r.name));
    const gone = new Set(this.#cells.keys());
    let changed = false;
    for (const r of replicas) {
      gone.delete(r.name);
      if (!this.#cells.has(r.name)) {
        this.#cells.set(r.name, new Cell());
        changed = true;
      }
      this.#cells.get(r.name).show(r, short(r.name));
    }
    gone.forEach((name) => this.#cells.delete(name));
    if (changed || gone.size) this.#list.replaceChildren(...replicas.map((r) => this.#cells.get(r.name).item));
  }
}

class Cell {
  #fill = element("span", { className: "fill" });
  #sign = element("span", { className: "sign" });
  #name = element("span", { className: "name" });
  #state = element("span", { className: "quiet" });
  #shown = "";

  constructor() {
    const box = element("span", { className: "box", ariaHidden: "true" }, this.#fill, this.#sign);
    this.item = element("li", {}, box, element("span", { className: "words" }, this.#name, this.#state));
  }

  show(r, name) {
    const shown = [name, r.state, r.in_flight, r.slots].join();
    if (shown === this.#shown) return; // nothing is touched that did not change: there may be a thousand
    this.#shown = shown;
    this.item.dataset.state = r.state;
    this.item.title = `${r.name}: ${inWords(r)}`;
    this.#fill.style.setProperty("--full", r.slots ? Math.min(1, r.in_flight / r.slots) : 0);
    this.#fill.parentElement.style.setProperty("--slots", Math.min(8, Math.max(1, r.slots)));
    say(this.#sign, signs[r.state] ?? "?");
    say(this.#name, name);
    say(this.#state, inWords(r));
  }
}

// What is in flight beyond the slots was sent ahead, and comes next.
function inWords({ state, in_flight: inFlight, slots }) {
  const busy = Math.min(inFlight, slots);
  const next = inFlight > busy ? `, ${count(inFlight - busy)} next` : "";
  if (inFlight > 0) return `${state}, ${count(busy)} of ${count(slots)} busy${next}`;
  return state === "ready" ? "ready, idle" : state;
}

// shortener leaves out what all names begin with, up to a sign that divides words.
function shortener(names) {
  if (names.length < 2) return (name) => name;
  let common = names[0];
  for (const name of names) {
    while (!name.startsWith(common)) common = common.slice(0, -1);
  }
  const cut = common.search(/[^-.:/]*$/);
  return (name) => (cut > 3 ? `…${name.slice(cut)}` : name);
}

// Figures is the table, made only while it is open.
export class Figures {
  #details;
  #replicas = [];

  constructor(details) {
    this.#details = details;
    details.addEventListener("toggle", () => this.#draw());
  }

  show(replicas) {
    this.#replicas = replicas;
    this.#draw();
  }

  #draw() {
    if (!this.#details.open) return;
    const body = this.#details.querySelector("tbody");
    while (body.rows.length > this.#replicas.length) body.deleteRow(-1);
    this.#replicas.forEach((r, i) => {
      const row = body.rows[i] ?? newRow(body);
      const cells = [r.name, r.state, count(r.in_flight), r.slots ? count(r.slots) : "–",
        r.capacity_rps ? `${number(r.capacity_rps)}/s` : "–", r.latency_ms ? milliseconds(r.latency_ms) : "–"];
      cells.forEach((text, k) => say(row.cells[k], text));
    });
  }
}

function newRow(body) {
  const row = body.insertRow();
  row.append(element("th", { scope: "row" }), ...Array.from({ length: 5 }, () => element("td")));
  return row;
}
