// What every page does beyond being read: its tables can be sorted, and its charts say the values that are pointed at.
"use strict";
(() => {
  const UNITS = { "s": 1, "min": 60, "h": 3600, "days": 86400, "k": 1e3, "M": 1e6 };
  const collator = new Intl.Collator("en", { numeric: true });

  // What a cell sorts by: its first number, in seconds where it is a time; else its text. A cell without either comes last.
  function key(cell) {
    const text = cell.textContent.trim();
    const found = text.replaceAll("\u2212", "-").replaceAll(",", "").replace(/^[<>\u2264\u2265]\s*/, "").match(/^([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*(s|min|h|days|k|M)?\b/);
    return found ? Number(found[1]) * (UNITS[found[2]] ?? 1) : NaN;
  }

  function sort(table, column, order) {
    const body = table.tBodies[0], rows = [...body.rows];
    for (const row of rows) row.dataset.row ??= String(rows.indexOf(row));
    const numbers = rows.map((row) => key(row.cells[column])).filter((value) => !Number.isNaN(value)).length;
    const isText = numbers * 2 < rows.length;
    const compare = (one, other) => {
      if (!order) return one.dataset.row - other.dataset.row;
      const cells = [one.cells[column], other.cells[column]], texts = cells.map((cell) => cell.textContent.trim());
      if (isText) return order * collator.compare(...texts);
      const [a, b] = cells.map(key);
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return order * (a - b);
    };
    body.append(...rows.sort((one, other) => compare(one, other) || one.dataset.row - other.dataset.row));
  }

  for (const table of document.querySelectorAll("table:not(.matrix)")) {
    if (table.tHead?.rows.length !== 1 || table.tBodies[0].rows.length < 2) continue;
    if ([...table.tBodies[0].rows].some((row) => row.cells.length !== table.tHead.rows[0].cells.length)) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]);
      if (!head.textContent.trim() || cells.every((cell) => !cell.textContent.trim() || cell.querySelector("button"))) return; // drawings
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort") ?? "none"];
        for (const each of heads) each.removeAttribute("aria-sort");
        if (next !== "none") head.setAttribute("aria-sort", next);
        sort(table, column, { none: 0, ascending: 1, descending: -1 }[next]);
      });
    });
  }

  // On paper nothing can be unfolded.
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open])")) {
      each.open = true;
      each.dataset.printed = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const each of document.querySelectorAll("details[data-printed]")) {
      each.open = false;
      delete each.dataset.printed;
    }
  });

  // A chart: lines of (label, classes, points), each point (x, y, place in words, value in words).
  for (const plot of document.querySelectorAll(".plot[data-points]")) {
    const lines = JSON.parse(plot.dataset.points), svg = plot.querySelector("svg"), box = svg.viewBox.baseVal;
    const places = [...new Set(lines.flatMap(([, , points]) => points.map(([x]) => x)))].sort((a, b) => a - b);
    if (!places.length) continue;
    const tip = document.createElement("div"), SVG = svg.namespaceURI, mark = document.createElementNS(SVG, "line");
    for (const title of svg.querySelectorAll("title")) title.remove(); // or the browser shows a second box
    tip.className = "tip";
    tip.hidden = true;
    tip.setAttribute("role", "status");
    mark.setAttribute("class", "at");
    const ends = plot.dataset.x ? [10, box.height - 38] : [0, box.height];
    mark.setAttribute("y1", ends[0]);
    mark.setAttribute("y2", ends[1]);
    plot.append(tip);
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Values: left and right arrow keys");
    let index = -1;

    function paragraph(text, classes) {
      const made = document.createElement("p");
      if (classes) {
        const swatch = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "line");
        swatch.setAttribute("class", "swatch");
        for (const [name, value] of Object.entries({ viewBox: "0 0 28 10", width: 28, height: 10, "aria-hidden": "true" })) swatch.setAttribute(name, value);
        for (const [name, value] of Object.entries({ class: `line ${classes}`, x1: 1, x2: 27, y1: 5, y2: 5 })) line.setAttribute(name, value);
        swatch.append(line);
        made.append(swatch, " ");
      }
      made.append(text);
      return made;
    }

    function show(at) {
      index = Math.min(Math.max(at, 0), places.length - 1);
      const x = places[index], rows = [];
      let head = "";
      for (const [label, classes, points] of lines) {
        const there = points.filter(([px]) => px === x);
        for (const [, , where, value] of there) {
          head = where;
          rows.push(paragraph(label ? `${label}: ${value}` : `${where}: ${value}`, label ? classes : ""));
        }
      }
      tip.replaceChildren(...(plot.dataset.x ? [paragraph(`${plot.dataset.x} ${head}`)] : []), ...rows);
      tip.hidden = false;
      mark.setAttribute("x1", x);
      mark.setAttribute("x2", x);
      svg.append(mark);
      const width = svg.getBoundingClientRect().width, left = (x / box.width) * width;
      const room = document.documentElement.clientWidth - plot.getBoundingClientRect().left;
      const beside = left + 12 + tip.offsetWidth + 8 <= room ? left + 12 : left - 12 - tip.offsetWidth; // the side with room
      tip.style.left = `${Math.max(beside, 8 - plot.getBoundingClientRect().left)}px`;
    }

    function hide() {
      tip.hidden = true;
      mark.remove();
    }

    function nearest(event) {
      const bounds = svg.getBoundingClientRect(), x = ((event.clientX - bounds.left) / bounds.width) * box.width;
      return places.reduce((best, place, at) => (Math.abs(place - x) < Math.abs(places[best] - x) ? at : best), 0);
    }

    plot.addEventListener("pointermove", (event) => show(nearest(event)));
    plot.addEventListener("pointerdown", (event) => show(nearest(event)));
    plot.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") hide();
    });
    plot.addEventListener("focus", () => {
      if (tip.hidden) show(index < 0 ? places.length - 1 : index);
    });
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: places.length - 1 }[event.key];
      if (event.key === "Escape") hide();
      if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      show(to);
    });
  }
})();
