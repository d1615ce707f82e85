// Figures as people read them.

const upTo = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits });
const [whole, tenths] = [upTo(0), upTo(1)];

export const count = (n) => whole.format(n);
export const number = (n) => (n < 100 ? tenths : whole).format(n);
export const perSecond = (n) => `${number(n)}/s`;
export const percent = (share) => `${number(100 * share)} %`;

export function milliseconds(ms) {
  if (ms >= 10_000) return `${tenths.format(ms / 1000)} s`;
  return ms >= 1000 ? `${upTo(2).format(ms / 1000)} s` : `${(ms < 10 ? tenths : whole).format(ms)} ms`;
}

export const seconds = (s) => (s < 120 ? `${count(s)} s` : `${count(s / 60)} min`);

export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
