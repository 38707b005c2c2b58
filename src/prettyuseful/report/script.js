"use strict";
(() => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = { responsive: true, displaylogo: false, modeBarButtons: [["toImage"]], displayModeBar: "hover" };
  const printWidth = 640, printHeight = 390;

  /* A figure names colours "@ink"; the style sheet says what that is now, in light, in dark or in print. */
  function themed(value, key, style) {
    if (typeof value === "string") {
      const colour = /color/i.test(key) && value.startsWith("@");
      return colour ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
    }
    if (Array.isArray(value)) return value.map((one) => themed(one, key, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, themed(one, name, style)]));
  }

  function layoutOf(figure, style) {
    const layout = themed(figure.layout, "layout", style);
    const ink = style.getPropertyValue("--ink").trim();
    const surface = style.getPropertyValue("--surface").trim();
    const clear = "rgba(0,0,0,0)";
    return {
      ...layout,
      autosize: true,
      paper_bgcolor: clear,
      plot_bgcolor: clear,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink },
      hoverlabel: { bgcolor: surface, bordercolor: style.getPropertyValue("--muted").trim(), font: { color: ink }, align: "left" },
      modebar: { bgcolor: clear, color: style.getPropertyValue("--muted").trim(), activecolor: ink },
    };
  }

  function draw() {
    const printing = root.classList.contains("printing");
    for (const place of document.querySelectorAll("[data-figure]")) {
      const figure = figures[place.dataset.figure];
      const style = getComputedStyle(place);
      const layout = layoutOf(figure, style);
      if (printing) {
        const height = place.classList.contains("square") ? printHeight : layout.height;
        Object.assign(layout, { width: printWidth, height, autosize: false });
      }
      Plotly.react(place, themed(figure.data, "data", style), layout, config);
      if (!printing) Plotly.Plots.resize(place);
    }
  }

  /* Print is light and whole: closed parts open, plots as wide as paper; then all as it was. */
  let opened = [];
  window.addEventListener("beforeprint", () => {
    root.classList.add("printing");
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
    draw();
  });
  window.addEventListener("afterprint", () => {
    root.classList.remove("printing");
    for (const one of opened) one.open = false;
    draw();
  });
  dark.addEventListener("change", draw);
  /* A plot in a closed part has no width until the part is opened. */
  document.addEventListener("toggle", ({ target }) => {
    if (!target.open || root.classList.contains("printing")) return;
    for (const place of target.querySelectorAll("[data-figure]")) Plotly.Plots.resize(place);
  }, true);

  function compare(a, b) {
    if (a === b) return 0;
    if (a === "") return 1;
    if (b === "") return -1;
    const numbers = [Number(a), Number(b)];
    return numbers.some(Number.isNaN) ? a.localeCompare(b, undefined, { numeric: true }) : numbers[0] - numbers[1];
  }

  function sortBy(table, column, head) {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      const order = compare(x, y);
      return descending && x !== "" && y !== "" ? -order : order;
    });
    table.tBodies[0].append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (head.classList.contains("plain")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortBy(table, column, head));
      head.append(button);
    });
  }

  const choice = document.getElementById("class-choice");
  const grid = document.querySelector("table.images");
  const all = document.getElementById("all-classes");
  if (grid && all) {
    grid.classList.add("short");
    all.addEventListener("click", () => {
      grid.classList.remove("short");
      all.parentElement.hidden = true;
    });
  }
  if (grid && choice) {
    choice.addEventListener("change", () => {
      grid.classList.toggle("one", choice.value !== "");
      for (const row of grid.tBodies[0].rows) row.classList.toggle("chosen", row.dataset.class === choice.value);
    });
  }

  draw();
  root.classList.add("drawn");
})();
