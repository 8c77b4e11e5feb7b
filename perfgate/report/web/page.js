// Sorting, filtering, deep links, and drawing what is opened. Every text from the data is put into
// the page as text: nothing here builds markup, and the page's policy would refuse it.
"use strict";
(() => {
  const index = JSON.parse(document.getElementById("index").textContent);
  let isTooOld = typeof DecompressionStream === "undefined";
  let data = null; // what is drawn from, once it is unpacked
  const SVG = "http://www.w3.org/2000/svg";
  const NARROW = matchMedia("(max-width: 40rem)");
  let unique = 0;

  // --- elements ------------------------------------------------------------------------------

  function element(name, attributes = {}, ...children) {
    return filled(document.createElement(name), attributes, children);
  }

  function shape(name, attributes = {}, ...children) {
    return filled(document.createElementNS(SVG, name), attributes, children);
  }

  function filled(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  // Our own words are strings, each piece from outside is a list of one.
  function sentence(pieces) {
    return pieces.map((piece) =>
      typeof piece === "string" ? piece : element("bdi", {}, piece[0]));
  }

  async function unpack() {
    const text = document.getElementById("contents").textContent;
    const packed = new Blob([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))]);
    const stream = packed.stream().pipeThrough(new DecompressionStream("gzip"));
    data = await new Response(stream).json();
  }

  // --- charts --------------------------------------------------------------------------------

  // A figure with a drawing that is one image to a screen reader, and its numbers as a table.
  function figure(chart, svg) {
    const id = `chart-${unique++}`;
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-labelledby", `${id}-title`);
    svg.setAttribute("aria-describedby", `${id}-text`);
    return element("figure", {},
      element("figcaption", {},
        element("strong", { id: `${id}-title` }, chart.title), " ",
        element("span", { id: `${id}-text` }, chart.summary)),
      element("div", { class: "drawing" }, svg),
      element("p", { class: "key" }, chart.key),
      element("details", {}, element("summary", {}, "The numbers"), numbers(chart, id)));
  }

  function numbers(chart, id) {
    const head = element("tr", {}, ...chart.columns.map((name) => element("th", { scope: "col" }, name)));
    const rows = (chart.lanes || chart.rows).map((lane) => {
      const cells = lane.cells || lane;
      return element("tr", {}, ...cells.map((cell, place) =>
        place ? element("td", {}, cell) : element("th", { scope: "row" }, cell)));
    });
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": `${id}-title` },
      element("table", { class: "numbers" }, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  function scaleOf(axis, from, to) {
    const scale = axis.is_log ? charts.scaleLog() : charts.scaleLinear();
    return scale.domain([axis.low, axis.high]).range([from, to]);
  }

  // Ticks and their words come with the data: numbers are written in one place only.
  function horizontalAxis(svg, axis, scale, top, width) {
    const room = (text) => text.length * 6.2 + 14;
    let edge = -Infinity;
    const ticks = (axis.ticks || []).filter(([at, text]) => {
      const place = scale(at);
      if (place - room(text) / 2 < edge || place < 0 || place > width) return false;
      edge = place + room(text) / 2;
      return true;
    });
    charts.select(svg).append("g").attr("class", "axis").attr("transform", `translate(0,${top})`)
      .call(charts.axisBottom(scale).tickValues(ticks.map(([at]) => at))
        .tickFormat((_, place) => ticks[place][1]).tickSizeOuter(0));
    for (const label of svg.querySelectorAll(".axis text")) {
      const place = scale(ticks.find(([, text]) => text === label.textContent)[0]);
      if (place < room(label.textContent) / 2) label.setAttribute("text-anchor", "start");
      if (place > width - room(label.textContent) / 2) label.setAttribute("text-anchor", "end");
    }
    svg.append(shape("text", { x: width, y: top + 34, class: "title", "text-anchor": "end" }, axis.title));
  }

  // Lanes above one axis; where there are many, only those of the other side are named.
  function lanes(chart, width) {
    const isEffect = chart.marks !== undefined;
    const isTight = chart.lanes.length > 8;
    const steps = chart.lanes.map((lane) => isTight ? 18 : lane.hollow || lane.solid ? 52 : 38);
    const top = isEffect ? 22 : 4;
    const bottom = top + steps.reduce((sum, step) => sum + step, 0);
    const scale = scaleOf(data.axes[chart.axis], 8, width - 8);
    const svg = shape("svg", { viewBox: `0 0 ${width} ${bottom + 40}`, width, height: bottom + 40 });
    horizontalAxis(svg, data.axes[chart.axis], scale, bottom, width);
    drawMarks(svg, chart.marks || [], scale, bottom, width);
    let start = top;
    chart.lanes.forEach((lane, place) => {
      const group = shape("g", { class: lane.is_reference ? "lane reference" : "lane" });
      const y = isTight ? start + 9 : start + 24;
      const name = isTight ? beside(lane, lane.middle === undefined ? 0 : scale(lane.middle), y, width) : shape("text", { x: 8, y: start + 11, class: "name" }, shortened(lane.label, width));
      if (isEffect) drawEffect(group, lane, scale, y);
      else drawTimes(group, lane, scale, y, isTight ? 5 : 7);
      if (name) group.append(name);
      group.append(shape("title", {}, lane.cells.map((cell, at) => cell && `${chart.columns[at]}: ${cell}`).filter(Boolean).join("\n")));
      svg.append(group);
      start += steps[place];
    });
    return svg;
  }

  function beside(lane, x, y, width) {
    if (!lane.is_reference) return null;
    const isLeft = x > width / 2;
    const text = shortened(lane.label, isLeft ? x : width - x);
    return shape("text", { x: x + (isLeft ? -8 : 8), y: y + 4, class: "name", "text-anchor": isLeft ? "end" : "start" }, text);
  }

  // Lines and bars between two axes.
  function plot(chart, width) {
    const [xAxis, yAxis] = [data.axes[chart.x], data.axes[chart.y]];
    const names = (yAxis.ticks || []).map(([, text]) => text.length);
    const left = 16 + 6.4 * Math.max(2, ...names);
    const [top, bottom] = [22, 222];
    const x = scaleOf(xAxis, left, width - 10);
    const y = scaleOf(yAxis, bottom, top);
    const svg = shape("svg", { viewBox: `0 0 ${width} ${bottom + 40}`, width, height: bottom + 40 });
    horizontalAxis(svg, xAxis, x, bottom, width);
    charts.select(svg).append("g").attr("class", "axis").attr("transform", `translate(${left},0)`)
      .call(charts.axisLeft(y).tickValues((yAxis.ticks || []).map(([at]) => at))
        .tickFormat((_, place) => yAxis.ticks[place][1]).tickSizeOuter(0));
    svg.append(shape("text", { x: 0, y: 11, class: "title" }, yAxis.title));
    (chart.bars || []).forEach(([from, to, height], place) => {
      const bar = shape("rect", { class: "column", x: x(from), y: y(height), width: Math.max(1, x(to) - x(from) - 1), height: bottom - y(height) });
      bar.append(shape("title", {}, chart.rows[place].join(" – ")));
      svg.append(bar);
    });
    for (const [kind, points] of [["dot", chart.dots || []], ["ring", chart.rings || []]]) {
      for (const [at, height] of points) svg.append(shape("circle", { class: kind, cx: x(at), cy: y(height), r: kind === "dot" ? 2 : 4 }));
    }
    drawMarks(svg, chart.marks || [], x, bottom, width);
    const path = charts.line(([at]) => x(at), ([, height]) => y(height));
    for (const line of chart.lines || []) {
      svg.append(shape("path", { class: `line ${line.kind}`, d: path(line.points) }));
    }
    return svg;
  }

  function shortened(text, width) {
    const most = Math.floor((width - 12) / 6.6);
    return text.length > most ? `${text.slice(0, most - 1)}…` : text;
  }

  // Names stand beside their lines: of no change to its left, of bounds to their right.
  function drawMarks(svg, marks, scale, bottom, width) {
    const taken = [];
    for (const mark of marks) {
      const x = scale(mark.at);
      svg.append(shape("line", { class: `mark ${mark.kind}`, x1: x, x2: x, y1: 2, y2: bottom }));
      const room = mark.label.length * 6.4 + 6;
      const isLeft = (mark.kind === "zero" || x + room > width) && x > room;
      const span = isLeft ? [x - room, x] : [x, x + room];
      if (taken.some(([from, to]) => span[0] < to && from < span[1])) continue;
      taken.push(span);
      svg.append(shape("text", { x: x + (isLeft ? -5 : 5), y: 11, class: "name", "text-anchor": isLeft ? "end" : "start" }, mark.label));
    }
  }

  function drawEffect(group, lane, scale, y) {
    const [low, high] = scale.domain();
    for (const kind of ["hollow", "solid"]) {
      (lane[kind] || []).forEach((value, place) => {
        // Side by side where they would cover one another; at the edge what lies beyond the scale.
        const level = y + ((place % 3) - 1) * 4;
        if (value < low || value > high) group.append(beyond(value > high ? scale(high) : scale(low), level, value > high));
        else group.append(shape("circle", { class: kind, cx: scale(value), cy: level, r: 3 }));
      });
    }
    const row = lane.hollow || lane.solid ? y + 15 : y + 4;
    const within = (value) => scale(Math.max(low, Math.min(high, value)));
    if (lane.bar) {
      const [x1, x2] = lane.bar.map(within);
      group.append(shape("line", { class: "interval", x1, x2, y1: row, y2: row }));
    }
    const x = within(lane.middle);
    group.append(shape("path", { class: "middle", d: `M${x - 7} ${row}L${x} ${row - 7}L${x + 7} ${row}L${x} ${row + 7}Z` }));
  }

  function drawTimes(group, lane, scale, y, half) {
    if (lane.bar) {
      const [x1, x2] = lane.bar.map(scale);
      group.append(shape("path", { class: "bar", d: `M${x1} ${y}H${x2}M${x1} ${y - 3}V${y + 3}M${x2} ${y - 3}V${y + 3}` }));
    }
    if (lane.box) {
      const [left, right] = lane.box.map(scale);
      group.append(shape("rect", { class: "box", x: left, y: y - half, width: Math.max(2, right - left), height: 2 * half, rx: 2 }));
    }
    if (lane.middle === undefined) return;
    const x = scale(lane.middle);
    group.append(shape("line", { class: "median", x1: x, x2: x, y1: y - half - 2, y2: y + half + 2 }));
  }

  function beyond(x, y, isRight) {
    const back = isRight ? -6 : 6;
    return shape("path", { class: "beyond", d: `M${x} ${y}L${x + back} ${y - 3.5}L${x + back} ${y + 3.5}Z` });
  }

  // --- one benchmark in full -----------------------------------------------------------------

  function opened(row, width) {
    const parts = [];
    if (row.why) parts.push(element("p", {}, ...sentence(row.why)));
    if (row.advice) parts.push(element("p", { class: "advice" }, row.advice));
    if (row.command) parts.push(command(row.command));
    parts.push(...(row.charts || []).map((chart) => figure(chart, (chart.lanes ? lanes : plot)(chart, width))));
    const facts = [["Name", [[row.name]]], ...(row.facts || [])];
    parts.push(element("dl", { class: "facts" }, ...facts.map(([name, fact]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, ...sentence(fact))))));
    return parts;
  }

  function command(line) {
    const code = element("code", { tabindex: "0", role: "region", "aria-label": "Command" }, line);
    const button = element("button", { type: "button" }, "Copy");
    const told = element("span", { role: "status" });
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(code);
      try {
        await navigator.clipboard.writeText(line);
        told.textContent = "Copied";
      } catch {
        told.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it with your keyboard";
      }
    });
    return element("p", { class: "command" }, code, button, told);
  }

  // --- the table -----------------------------------------------------------------------------

  // Charts that stand open on a page of their own.
  function drawOpen() {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const chart = data.charts[Number(place.dataset.chart)];
      const width = Math.min(1080, Math.max(260, (place.clientWidth || 600) - 20));
      place.replaceChildren(figure(chart, (chart.lanes ? lanes : plot)(chart, width)));
    }
  }

  const table = document.getElementById("table");
  if (!table) {
    unpack().then(drawOpen).finally(() => {
      document.documentElement.dataset.ready = "true";
    });
    return;
  }
  const isLinked = "linked" in table.dataset; // its rows are links to pages, nothing opens
  const body = table.tBodies[0];
  const lines = Array.from(body.rows).map((line, place) => {
    const link = line.querySelector("th a");
    return {
      line,
      place,
      link,
      name: link.textContent,
      word: line.querySelector(".verdict").lastChild.textContent.trim(),
      suite: String(index.suites[place]),
      time: index.times[place],
      change: index.changes[place],
      details: null,
    };
  });

  for (const entry of isLinked ? [] : lines) {
    entry.link.setAttribute("role", "button");
    entry.link.setAttribute("aria-expanded", "false");
  }

  body.addEventListener("click", (event) => {
    const entry = entryOf(event.target);
    if (!entry || isLinked || event.target.closest(".details")) return;
    const isLink = event.target.closest("a") !== null;
    if (isLink && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    if (!isLink && String(getSelection())) return; // somebody marks text to copy it
    event.preventDefault();
    toggle(entry);
  });
  body.addEventListener("keydown", (event) => {
    if (event.key === " " && !isLinked && event.target.matches("th a")) {
      event.preventDefault();
      toggle(entryOf(event.target));
    }
  });

  function entryOf(node) {
    const line = node.closest("tr");
    return lines.find((entry) => entry.line === line);
  }

  function toggle(entry) {
    if (entry.details) return close(entry);
    open(entry);
    history.replaceState(null, "", entry.link.getAttribute("href"));
  }

  function open(entry) {
    if (entry.details) return;
    const id = `details-${entry.place}`;
    const cell = element("td", { colspan: columns() });
    entry.details = element("tr", { class: "details", id }, cell);
    entry.line.after(entry.details);
    entry.link.setAttribute("aria-expanded", "true");
    entry.link.setAttribute("aria-controls", id);
    entry.line.classList.add("open");
    fill(entry);
  }

  // A cell that spans hidden columns would make them take their place again.
  function columns() {
    return Array.from(table.tHead.rows[0].cells).filter((cell) => getComputedStyle(cell).display !== "none").length;
  }

  let drawnFor = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === drawnFor) return;
    drawnFor = innerWidth;
    for (const entry of lines.filter((each) => each.details)) {
      entry.details.firstChild.colSpan = columns();
      fill(entry);
    }
  });

  function fill(entry) {
    if (!data) {
      entry.details.firstChild.replaceChildren(isTooOld ? "This browser is too old to unpack the numbers." : "Unpacking …");
      return;
    }
    const width = Math.min(860, Math.max(260, (table.clientWidth || 600) - (NARROW.matches ? 28 : 60)));
    entry.details.firstChild.replaceChildren(...opened(data.rows[entry.place], width));
  }

  function close(entry) {
    entry.details.remove();
    entry.details = null;
    entry.link.setAttribute("aria-expanded", "false");
    entry.link.removeAttribute("aria-controls");
    entry.line.classList.remove("open");
  }

  // --- sorting -------------------------------------------------------------------------------

  const order = new Intl.Collator("en", { numeric: true });
  const keys = {
    verdict: (one, other) => one.place - other.place,
    name: (one, other) => order.compare(one.name, other.name),
    time: (one, other) => one.time - other.time,
    change: (one, other) => one.change - other.change,
  };
  const known = { time: (entry) => entry.time, change: (entry) => entry.change };

  for (const head of table.tHead.querySelectorAll("th[data-sort]")) {
    const button = element("button", { type: "button" }, ...head.childNodes);
    button.append(element("span", { class: "arrow", "aria-hidden": "true" }));
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.dataset.sort in known ? "descending" : "ascending";
      const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", next);
      sort(head.dataset.sort, next === "ascending" ? 1 : -1);
    });
  }

  function sort(name, direction) {
    const has = known[name] || (() => 0);
    const isKnown = (entry) => has(entry) !== null && has(entry) !== undefined;
    const ordered = [...lines].sort((one, other) =>
      isKnown(other) - isKnown(one) || (isKnown(one) ? direction * keys[name](one, other) : 0) || one.place - other.place);
    body.append(...ordered.flatMap((entry) => (entry.details ? [entry.line, entry.details] : [entry.line])));
  }

  // --- filtering -----------------------------------------------------------------------------

  const search = document.getElementById("search");
  const suite = document.getElementById("suite");
  const chips = Array.from(document.querySelectorAll(".chip"));
  const nothing = document.getElementById("nothing");
  const shown = document.getElementById("shown");
  document.querySelector(".controls").hidden = false;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.word);
    let count = 0;
    for (const entry of lines) {
      const fits = words.every((word) => entry.name.toLowerCase().includes(word))
        && (!wanted.length || wanted.includes(entry.word))
        && (!suite || !suite.value || entry.suite === suite.value);
      entry.line.hidden = !fits;
      if (entry.details) entry.details.hidden = !fits;
      count += fits;
    }
    shown.textContent = count === lines.length ? `All ${count} are shown.` : `${count} of ${lines.length} are shown.`;
    nothing.hidden = count > 0;
    table.hidden = count === 0;
  }

  function showAll() {
    search.value = "";
    if (suite) suite.value = "";
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    filter();
  }

  search.addEventListener("input", filter);
  if (suite) suite.addEventListener("change", filter);
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      filter();
    });
  }
  document.getElementById("reset").addEventListener("click", () => {
    showAll();
    search.focus();
  });
  filter();

  // --- deep links, paper ---------------------------------------------------------------------

  function follow() {
    let name;
    try {
      name = decodeURIComponent(location.hash.slice(1));
    } catch {
      return; // no link of ours
    }
    const entry = lines.find((each) => each.line.id === name);
    if (!entry) return;
    if (entry.line.hidden) showAll();
    if (!isLinked) open(entry);
    entry.line.scrollIntoView({ block: "start" });
    entry.link.focus({ preventScroll: true });
  }

  addEventListener("hashchange", follow);
  unpack().catch(() => {
    isTooOld = true;
  }).finally(() => {
    lines.filter((entry) => entry.details).forEach(fill);
    follow();
    document.documentElement.dataset.ready = "true";
  });

  const MOST_PRINTED = 50;
  let printed = [];
  addEventListener("beforeprint", () => {
    printed = lines.filter((entry) => !entry.details && !entry.line.hidden && data && data.rows && data.rows[entry.place].advice).slice(0, MOST_PRINTED);
    printed.forEach(open);
  });
  addEventListener("afterprint", () => printed.forEach(close));
})();
