"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const all = (selector, parent = document) => [...parent.querySelectorAll(selector)];
  const figures = JSON.parse(byId("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const wide = window.matchMedia("(min-width: 1180px)");
  const config = { responsive: true, displaylogo: false, modeBarButtons: [["toImage"]], displayModeBar: "hover" };
  const printWidth = 640, printHeight = 390;
  root.classList.add("js");

  /* Plots. A figure names colours "@ink"; the style sheet has their values for light, dark and printed pages. */
  function withColors(value, key, style) {
    if (typeof value === "string") {
      const isColor = /color/i.test(key) && value.startsWith("@");
      return isColor ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => withColors(item, key, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withColors(item, name, style)]));
  }

  function layoutOf(figure, style) {
    const layout = withColors(figure.layout, "layout", style);
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

  const plots = all("[data-figure]");
  const drawn = new Set();

  function draw(plot) {
    const figure = figures[plot.dataset.figure];
    const printing = root.classList.contains("printing");
    const style = getComputedStyle(plot);
    const layout = layoutOf(figure, style);
    if (printing) {
      const height = plot.classList.contains("square") ? printHeight : layout.height;
      Object.assign(layout, { width: printWidth, height, autosize: false });
    }
    if (!drawn.has(plot)) plot.replaceChildren();
    drawn.add(plot);
    Plotly.react(plot, withColors(figure.data, "data", style), layout, config);
    if (!printing) Plotly.Plots.resize(plot);
  }

  /* Plotly is stored compressed. It is loaded after the page has opened, and a plot is drawn when it comes near. */
  async function loadPlotly() {
    const bytes = Uint8Array.from(atob(byId("plotly").textContent), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        if (!drawn.has(target)) draw(target);
      }
    }, { rootMargin: "500px 0px" });
    plots.forEach((plot) => near.observe(plot));
  }

  /* A browser that cannot decompress shows the descriptions of the plots instead. */
  loadPlotly().catch(() => root.classList.remove("js")).then(() => root.classList.add("drawn"));

  /* Print: in light colours, with everything open and every plot drawn; then back to the state before. */
  let closed = [];
  window.addEventListener("beforeprint", () => {
    root.classList.add("printing");
    closed = all("details:not([open])");
    closed.forEach((details) => { details.open = true; });
    if (window.Plotly) plots.forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    root.classList.remove("printing");
    closed.forEach((details) => { details.open = false; });
    drawn.forEach(draw);
  });
  dark.addEventListener("change", () => drawn.forEach(draw));
  /* A plot in a closed part has no width until the part is opened. */
  document.addEventListener("toggle", ({ target }) => {
    if (!target.open || root.classList.contains("printing")) return;
    all("[data-figure]", target).filter((plot) => drawn.has(plot)).forEach((plot) => Plotly.Plots.resize(plot));
  }, true);

  /* Contents: open beside the text on wide screens, and marked with the section that is being read. */
  const contents = byId("contents");
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const fit = () => { contents.open = wide.matches; };
  fit();
  wide.addEventListener("change", fit);
  contents.addEventListener("click", ({ target }) => {
    if (target.closest("a") && !wide.matches) contents.open = false;
  });

  function markCurrent(id) {
    for (const [section, link] of links) {
      if (section === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    byId("here").textContent = links.get(id)?.textContent ?? "";
  }

  const atReadingLine = new Set();
  const reading = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) atReadingLine[isIntersecting ? "add" : "delete"](target.id);
    const current = [...links.keys()].filter((id) => atReadingLine.has(id)).pop();
    if (current) markCurrent(current);
  }, { rootMargin: "-20% 0px -79% 0px" });
  all("main > section").forEach((section) => reading.observe(section));

  /* Terms: their explanation appears on hover, on focus and on touch; Escape hides it. */
  const hover = byId("hover");
  let shownFor = null;

  function showHover(link) {
    const id = link.hash.slice("#term-".length);
    const more = document.createElement("a");
    more.href = link.hash;
    more.textContent = "How to read this";
    hover.replaceChildren(byId("hover-" + id).textContent + " ", more);
    hover.hidden = false;
    shownFor = link;
    const box = link.getBoundingClientRect();
    const left = Math.max(14, Math.min(box.left, root.clientWidth - hover.offsetWidth - 14));
    const above = box.top > hover.offsetHeight + 12;
    hover.style.left = `${left + window.scrollX}px`;
    hover.style.top = `${(above ? box.top - hover.offsetHeight - 8 : box.bottom + 8) + window.scrollY}px`;
  }

  function hideHover() {
    hover.hidden = true;
    shownFor = null;
  }

  for (const link of all("a.term")) {
    let hiding, openBefore = false;
    link.removeAttribute("title");
    const keep = () => clearTimeout(hiding);
    const hideSoon = () => { hiding = setTimeout(() => { if (shownFor === link) hideHover(); }, 250); };
    link.addEventListener("mouseenter", () => { keep(); showHover(link); });
    link.addEventListener("mouseleave", hideSoon);
    link.addEventListener("focus", () => { keep(); showHover(link); });
    link.addEventListener("blur", hideSoon);
    link.addEventListener("pointerdown", () => { openBefore = shownFor === link; });
    link.addEventListener("click", (event) => {
      if (event.pointerType === "touch" && !openBefore) {
        event.preventDefault();
        keep();
        showHover(link);
      } else hideHover();
    });
    hover.addEventListener("mouseenter", () => { if (shownFor === link) keep(); });
    hover.addEventListener("mouseleave", () => { if (shownFor === link) hideSoon(); });
  }
  hover.addEventListener("click", hideHover);
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") hideHover(); });
  document.addEventListener("pointerdown", ({ target }) => {
    if (shownFor && !hover.contains(target) && target !== shownFor) hideHover();
  });

  /* Copy: the clipboard needs a secure page; without it, a text area and the older command; at last, the text to copy. */
  const copy = byId("copy");
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const text = JSON.parse(byId("markdown").textContent);
    const status = byId("copied");
    copy.parentElement.querySelector("textarea")?.remove();
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = "Copied.";
      return;
    } catch { /* not available or not allowed */ }
    const area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.setAttribute("aria-label", "Answer as Markdown");
    copy.parentElement.append(area);
    area.select();
    if (document.execCommand("copy")) {
      area.remove();
      copy.focus();
      status.textContent = "Copied.";
    } else status.textContent = "Copying is not allowed here. Copy this text:";
  });

  /* Tables sort by a click on the head of a column. */
  function compare(a, b) {
    if (a === b) return 0;
    if (a === "") return 1;
    if (b === "") return -1;
    const numbers = [Number(a), Number(b)];
    return numbers.some(Number.isNaN) ? a.localeCompare(b, undefined, { numeric: true }) : numbers[0] - numbers[1];
  }

  function sortBy(table, column, head) {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
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

  for (const table of all("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (head.classList.contains("plain")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortBy(table, column, head));
      head.append(button);
    });
  }

  /* Sample images: the first classes, all of them, or one. */
  const choice = byId("class-choice");
  const grid = document.querySelector("table.images");
  const allClasses = byId("all-classes");
  if (grid && allClasses) {
    grid.classList.add("short");
    allClasses.hidden = false;
    allClasses.addEventListener("click", () => {
      grid.classList.remove("short");
      allClasses.parentElement.hidden = true;
    });
  }
  if (grid && choice) {
    choice.addEventListener("change", () => {
      grid.classList.toggle("one", choice.value !== "");
      for (const row of grid.tBodies[0].rows) row.classList.toggle("chosen", row.dataset.class === choice.value);
    });
  }
})();
