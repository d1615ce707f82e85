// The rates of the last two minutes as a small drawing.

import { perSecond } from "./format.js";

const seconds = 120;
const height = 40;

export class Spark {
  #svg;
  #peak;
  #rates = [];

  constructor(svg, peak) {
    this.#svg = svg;
    this.#peak = peak;
  }

  replace(rates) {
    this.#rates = rates.slice(-seconds);
    this.#draw();
  }

  add(rates) {
    this.replace([...this.#rates, rates]);
  }

  #draw() {
    const rates = this.#rates;
    if (!rates.length) return;
    const top = Math.max(1, ...rates.map((r) => Math.max(r.offered_rps, r.served_rps)));
    const at = (i) => seconds - rates.length + i;
    const points = (of) => rates.map((r, i) => `${at(i)} ${(height - 1 - (of(r) / top) * (height - 2)).toFixed(2)}`).join("L");
    const served = points((r) => r.served_rps);
    const set = (path, d) => this.#svg.querySelector(path).setAttribute("d", d);
    set(".served.area", `M${at(0)} ${height}L${served}L${seconds - 1} ${height}Z`);
    set(".served:not(.area)", `M${served}`);
    set(".offered", `M${points((r) => r.offered_rps)}`);
    const now = rates.at(-1);
    const peak = Math.max(...rates.map((r) => r.offered_rps));
    this.#peak.textContent = `two minutes, at most ${perSecond(peak)}`;
    this.#svg.setAttribute("aria-label", `Offered ${perSecond(now.offered_rps)}, served ${perSecond(now.served_rps)}; in the last two minutes at most ${perSecond(peak)} offered`);
  }
}
