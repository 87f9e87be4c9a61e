// Hovering over a chart of the timeline, or an arrow key on it, shows the values of all of them at that moment; what is
// dragged over, or + and −, zooms them all. Without this script the counts of the heatmap's cells are missing, and nothing
// else: the figures stand in a table.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("course").textContent);
  const readout = document.getElementById("readout");
  if (!readout) return;
  const said = readout.querySelector("span"), whole = readout.querySelector("button");
  const steps = Math.max(...data.charts.flatMap((chart) => chart.lines.map((line) => line.length)), 0);
  const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400];
  let from = 0, until = 1, at = -1, dragged = null;  // what is shown, as shares of the load; a step; where a drag began

  const three = (value) => Number(value.toPrecision(Math.abs(value) >= 999.5 ? 15 : 3));
  const number = (value, digits) => value.toLocaleString("en-US", { maximumFractionDigits: digits });
  const duration = (us) => {
    const seconds = us / 1e6;
    if (seconds >= 60) {
      const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds) % 60];
      return [h && `${h} h`, m && `${m} m`, s && `${s} s`].filter(Boolean).join(" ");
    }
    return seconds >= 0.9995 ? `${three(seconds)} s` : `${number(three(us / 1e3), 9)} ms`;
  };
  const shown = (value, unit) =>
    value === null || value === undefined ? "–" : unit === "duration" ? duration(value) : number(value, 6) + unit;
  const clock = (second) => {
    if (data.over < 120) return `${second}`;
    const units = data.over < 7200 ? second : Math.floor(second / 60);
    return `${Math.floor(units / 60)}:${String(Math.floor(units % 60)).padStart(2, "0")}`;
  };
  const made = (name, parent, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };
  const place = (share) => `${(((share - from) / (until - from)) * 100).toFixed(3)}%`;

  // Of each chart: what is drawn, whose box zooms; the words that stand at shares of its width; the cursor and the brush.
  const charts = [...document.querySelectorAll("figure.timeline")].map((figure) => {
    const chart = figure.querySelector(".chart"), plot = chart.querySelector(".plot"), within = chart.querySelector(".within");
    const words = [...chart.querySelectorAll(".names text, .names line, .plot > text")].map((element) => {
      const keys = ["x", "x1", "x2"].filter((key) => (element.getAttribute(key) || "").endsWith("%"));
      const share = parseFloat(element.getAttribute(keys[0])) / 100;
      // The name of a limit is of use as far as its line goes; all else, where it stands.
      return { element, keys, share, begin: +(element.dataset.from ?? share), end: +(element.dataset.until ?? share) };
    });
    const figures = [...figure.querySelectorAll(".legend li")].map((item) => item.appendChild(document.createElement("b")));
    return {
      chart, plot, within, words, figures, width: within.viewBox.baseVal.width,
      height: within.viewBox.baseVal.height, told: data.charts[figure.dataset.chart], heat: "heat" in figure.dataset,
      names: [...figure.querySelectorAll(".legend li")].map((item) => item.textContent),
      marks: [...chart.querySelectorAll(".marks")].map((marks) => ({ marks, original: [...marks.children] })),
      brush: made("rect", plot, { class: "brush", height: "100%", visibility: "hidden" }),
      cursor: made("line", plot, { class: "cursor", y2: "100%", visibility: "hidden" }),
    };
  });

  const zoom = (low, high) => {
    const least = Math.min(1, (4 * data.width) / data.over);  // a few steps at least
    const size = Math.min(1, Math.max(high - low, least));
    from = Math.min(Math.max(0, (low + high - size) / 2), 1 - size);
    until = from + size;
    for (const one of charts) {
      one.within.setAttribute("viewBox", `${from * one.width} 0 ${size * one.width} ${one.height}`);
      for (const { element, keys, share, begin, end } of one.words) {
        const at = begin < end ? Math.min(Math.max(share, from), until) : share;
        for (const key of keys) element.setAttribute(key, place(at));
        element.setAttribute("visibility", end < from - 1e-6 || begin > until + 1e-6 ? "hidden" : "visible");
      }
      for (const { marks, original } of one.marks) remark(marks, original, one.plot.clientWidth || 400);
    }
    whole.hidden = size === 1;
    if (at >= 0) show(at);
  };
  const remark = (marks, original, width) => {
    if (until - from === 1) { marks.replaceChildren(...original); return; }
    marks.replaceChildren();
    const seconds = (until - from) * data.over, room = 8 * clock(data.over).length + 8;
    const step = SECONDS.find((step) => (step / seconds) * width >= room) || seconds;
    for (let second = Math.ceil((from * data.over) / step) * step; second <= until * data.over + 1e-6; second += step) {
      const x = place(second / data.over);
      made("line", marks, { class: "tick", x1: x, x2: x, y2: 4 });
      made("text", marks, { x, y: 16 }).textContent = clock(second);
    }
  };

  // What a place of the heatmap stands for; without a height the fullest cell there.
  const cell = (share, height) => {
    const { seconds, low, high, rows, cells } = data.heat, width = seconds / cells.length;
    const column = Math.floor((share * data.over) / width), counts = new Map(), found = cells[column];
    if (!found) return "nothing was planned";
    for (let place = 0; place < found.length; place += 2) counts.set(found[place], found[place + 1]);
    const fullest = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most), [0, 0])[0];
    const row = height === undefined ? fullest : Math.min(rows - 1, Math.floor((1 - height) * rows));
    const edge = (row) => duration(1e6 * low * (high / low) ** (row / rows));
    const all = [...counts.values()].reduce((a, b) => a + b, 0);
    const when = `${number(column * width, 2)} s to ${number((column + 1) * width, 2)} s`;
    return `${number(counts.get(row) || 0, 0)} of ${number(all, 0)} planned from ${when} took ${edge(row)} to ${edge(row + 1)}`;
  };

  const show = (step, told, share, height) => {
    at = Math.max(0, Math.min(steps - 1, step));
    const second = at * data.width, middle = (second + data.width / 2) / data.over;
    const phase = (data.phases.find(([, begin, end]) => begin <= second && second < end) || [""])[0];
    for (const one of charts) {
      one.cursor.setAttribute("visibility", middle < from || middle > until ? "hidden" : "visible");
      for (const key of ["x1", "x2"]) one.cursor.setAttribute(key, place(middle));
      if (one.told) one.figures.forEach((figure, line) => { figure.textContent = shown(one.told.lines[line][at], one.told.unit); });
    }
    const own = told && told.told ? told.names.map((name, line) => `${name} ${told.figures[line].textContent}`) : [];
    for (const [name, spans] of (told && told.told && told.told.limits) || [])
      if (spans.some(([begin, end]) => begin <= second && second < end)) own.push(`limit ${name}`);
    if (told && told.heat) own.push(cell(share === undefined ? middle : share, height));
    said.textContent = [`From ${clock(second)}${data.over < 120 ? " s" : ""}${phase && `, ${phase}`}`, ...own].join(" · ");
    readout.hidden = false;
  };

  for (const one of charts) {
    const inside = (share) => Math.min(1, Math.max(0, share));
    const spot = (event) => {
      const box = one.plot.getBoundingClientRect(), across = inside((event.clientX - box.left) / box.width);
      return [from + across * (until - from), inside((event.clientY - box.top) / box.height)];
    };
    const step = (share) => Math.floor((share * data.over) / data.width);
    one.chart.classList.add("live");
    one.chart.tabIndex = 0;
    one.chart.addEventListener("pointerdown", (event) => { if (event.button === 0) dragged = spot(event)[0]; });
    one.chart.addEventListener("pointermove", (event) => {
      const [now, height] = spot(event);
      show(step(now), one, now, height);
      if (dragged === null) return;
      const [low, high] = [Math.min(dragged, now), Math.max(dragged, now)];
      one.brush.setAttribute("x", place(low));
      one.brush.setAttribute("width", `${((high - low) / (until - from)) * 100}%`);
      one.brush.setAttribute("visibility", "visible");
    });
    const drop = (event) => {
      one.brush.setAttribute("visibility", "hidden");
      if (dragged === null) return;
      const now = spot(event)[0], [low, high] = [Math.min(dragged, now), Math.max(dragged, now)];
      dragged = null;
      // A click is no drag.
      if (event.type === "pointerup" && (high - low) / (until - from) > 0.01) zoom(low, high);
    };
    for (const name of ["pointerup", "pointerleave", "pointercancel"]) one.chart.addEventListener(name, drop);
    one.chart.addEventListener("dblclick", () => zoom(0, 1));
    one.chart.addEventListener("keydown", (event) => {
      const middle = at < 0 ? (from + until) / 2 : (at + 0.5) * (data.width / data.over), half = (until - from) / 2;
      const act = {
        ArrowRight: () => show(at + 1, one), ArrowLeft: () => show(at - 1, one),
        Home: () => show(step(from), one), End: () => show(step(until - 1e-9), one),
        "+": () => zoom(middle - half / 2, middle + half / 2), "-": () => zoom(middle - half * 2, middle + half * 2),
        "−": () => zoom(middle - half * 2, middle + half * 2), Escape: () => { zoom(0, 1); readout.hidden = true; },
      }[event.key];
      if (act) { act(); event.preventDefault(); }
    });
  }
  whole.addEventListener("click", () => zoom(0, 1));
  for (const hint of document.querySelectorAll(".by-script")) hint.hidden = false;
})();
