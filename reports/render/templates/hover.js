// Hovering over a chart of the timeline, or an arrow key on it, shows the values of all of them at that moment.
// Without this script nothing is missing: the figures stand in the table below the charts.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("course").textContent);
  const figures = [...document.querySelectorAll("figure.timeline")];
  const readout = document.getElementById("readout");
  const svg = "http://www.w3.org/2000/svg";
  const cursors = figures.map((figure) => {
    const chart = figure.querySelector("svg.chart");
    const line = document.createElementNS(svg, "path");
    line.setAttribute("class", "cursor");
    chart.append(line);
    return { chart, line };
  });
  let at = -1;
  const show = (place) => {
    at = Math.max(0, Math.min(data.begin.length - 1, place));
    const x = data.left + ((data.begin[at] + data.width / 2) / data.over) * (data.right - data.left);
    for (const { line } of cursors) line.setAttribute("d", `M${x} 0V2000`);
    readout.textContent =
      `${data.begin[at]} s: ` + data.lines.map((line) => `${line.name} ${line.values[at] ?? "–"}`).join(" · ");
    readout.hidden = false;
  };
  for (const { chart } of cursors) {
    chart.setAttribute("tabindex", "0");
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * data.total;
      show(Math.floor((((x - data.left) / (data.right - data.left)) * data.over) / data.width));
    });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { show(at + step); event.preventDefault(); }
    });
  }
})();
