// A reading line: the figures of the time under the pointer, or of the time chosen with the arrow keys. The page says all without it.
(() => {
  const charts = document.getElementById("charts");
  if (!charts) return;
  const rows = [...document.querySelectorAll("#numbers tbody tr")];
  const names = [...document.querySelectorAll("#numbers thead th")].map((h) => h.textContent);
  const areas = [...charts.querySelectorAll(".panel .area")];
  const reading = document.createElement("p");
  reading.className = "reading";
  reading.setAttribute("role", "status");
  reading.textContent = "Point at the charts, or use the arrow keys, to read a time.";
  charts.before(reading);
  const crosses = areas.map((area) => {
    const cross = document.createElement("div");
    cross.className = "cross";
    cross.hidden = true;
    return area.appendChild(cross);
  });
  let at = -1;

  const show = (i) => {
    at = Math.max(0, Math.min(rows.length - 1, i));
    crosses.forEach((cross) => { cross.hidden = false; cross.style.left = rows[at].dataset.at + "%"; });
    reading.replaceChildren(...names.map((name, k) => {
      const one = document.createElement("span");
      const label = document.createElement("b");
      label.textContent = name + " ";
      one.append(label, rows[at].cells[k].textContent);
      return one;
    }));
  };
  const nearest = (percent) => {
    let best = 0;
    rows.forEach((row, i) => {
      if (Math.abs(row.dataset.at - percent) < Math.abs(rows[best].dataset.at - percent)) best = i;
    });
    return best;
  };
  charts.addEventListener("pointermove", (e) => {
    const box = areas[0].getBoundingClientRect();
    if (e.clientX >= box.left - 8 && e.clientX <= box.right + 8) show(nearest(100 * (e.clientX - box.left) / box.width));
  });
  charts.tabIndex = 0;
  charts.setAttribute("role", "group");
  charts.setAttribute("aria-label", "Charts over time; the arrow keys move the reading");
  charts.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[e.key];
    if (step === undefined) return;
    e.preventDefault();
    show(at + step);
  });
})();
