// Track view: probability along a sequence, one lane for each modification.
"use strict";

(() => {
  const view = document.querySelector("[data-track]");
  if (!view) return;

  const length = Number(view.dataset.length);
  const sequence = Number(view.dataset.sequence);
  const modifications = JSON.parse(view.dataset.modifications);
  const canvas = view.querySelector("canvas.lanes");
  const overview = view.querySelector("canvas.overview");
  const tip = view.querySelector(".tip");
  const live = view.querySelector("[aria-live]");
  const range = document.querySelector("[data-range]");
  const scaleSelect = document.querySelector("[data-scale]");
  const pen = canvas.getContext("2d");
  const overPen = overview.getContext("2d");

  const LEFT = 74, RIGHT = 8, LANE = 44, AXIS = 26, LETTERS = 16;
  const SMALLEST = Math.min(30, length);
  const parameters = new URLSearchParams(location.search);
  const state = {
    start: clamp(Number(parameters.get("start")) || 1, 1, length),
    end: clamp(Number(parameters.get("end")) || length, 1, length),
    scale: parameters.get("scale") === "score" ? "score" : "probability",
    hidden: new Set((parameters.get("hide") || "").split(",").filter(Boolean)),
    site: parameters.get("site") || "",
  };
  if (state.end - state.start + 1 < SMALLEST) fit(state.start, state.start + SMALLEST - 1);
  scaleSelect.value = state.scale;

  let data = null;       // the window that was loaded last
  let whole = null;      // all reported sites, for the overview
  let pending = null;
  let hovered = null;
  let colors = {};

  function clamp(value, low, high) { return Math.min(high, Math.max(low, value)); }

  function fit(start, end) {
    const span = clamp(Math.round(end - start + 1), SMALLEST, length);
    state.start = clamp(Math.round(start), 1, length - span + 1);
    state.end = state.start + span - 1;
  }

  function readColors() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "soft", "line", "strong-line", "accent", "sunken", "card", "base-A", "base-C", "base-G", "base-U"]) {
      colors[name] = style.getPropertyValue(`--${name}`).trim();
    }
    for (const m of modifications) {
      const own = getComputedStyle(document.querySelector(`.legend .${m.css}`));
      colors[m.symbol] = own.getPropertyValue("--mod").trim();
      colors[`${m.symbol} ink`] = own.getPropertyValue("--mod-ink").trim();
    }
  }

  // Data

  async function load() {
    const span = state.end - state.start + 1;
    const margin = Math.round(span * 0.6);
    const start = Math.max(1, state.start - margin);
    const end = Math.min(length, state.end + margin);
    const ratio = (end - start + 1) / span;
    const bins = clamp(Math.round(plotWidth() * ratio * 1.2), 200, 4000);
    pending?.abort();
    pending = new AbortController();
    try {
      const address = `${view.dataset.track}?sequence=${sequence}&start=${start}&end=${end}&bins=${bins}`;
      const answer = await fetch(address, {signal: pending.signal});
      if (!answer.ok) throw new Error((await answer.json()).error);
      data = await answer.json();
      if (!whole || (data.start === 1 && data.end === length)) whole = whole || data;
      draw();
    } catch (error) {
      if (error.name !== "AbortError") live.textContent = `The track cannot be loaded: ${error.message}`;
    }
  }

  function covers() {
    if (!data || data.start > state.start || data.end < state.end) return false;
    if (data.exact) return true;
    return (state.end - state.start) / (data.end - data.start) > 0.3;
  }

  let timer = 0;
  function changed() {
    draw();
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!covers()) load();
      remember();
    }, 90);
  }

  function remember() {
    const now = new URLSearchParams(location.search);
    const set = (name, value, usual) => value === usual ? now.delete(name) : now.set(name, value);
    set("start", String(state.start), "1");
    set("end", String(state.end), String(length));
    set("scale", state.scale, "probability");
    set("hide", [...state.hidden].join(","), "");
    set("site", state.site, "");
    const query = now.toString();
    history.replaceState(history.state, "", query ? `?${query}` : location.pathname);
  }

  // Drawing

  const shown = () => modifications.filter((m) => !state.hidden.has(m.symbol));
  const plotWidth = () => Math.max(50, canvas.clientWidth - LEFT - RIGHT);
  const xOf = (position) => LEFT + (position - state.start + 0.5) / (state.end - state.start + 1) * plotWidth();
  const positionOf = (x) => state.start + (x - LEFT) / plotWidth() * (state.end - state.start + 1);

  const valueOf = (candidate) => state.scale === "score" ? candidate.score : candidate.probability;

  const valuesOf = (track) => state.scale === "score" ? track.scores : track.probabilities;

  function resize(element, context, height) {
    const ratio = devicePixelRatio || 1;
    const width = element.parentElement.clientWidth;
    element.style.height = `${height}px`;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
  }

  function limit() {
    if (state.scale === "score" || !data) return 1;
    let highest = 0;
    for (const track of data.tracks) {
      if (state.hidden.has(track.modification)) continue;
      for (const probability of track.probabilities) highest = Math.max(highest, probability);
    }
    return [0.1, 0.2, 0.5].find((each) => highest <= each) || 1;
  }

  // Most probabilities are small: their square roots stay visible beside one of 0.5
  const heightOf = (value, top) => {
    const part = Math.min(1, value / top);
    return state.scale === "score" ? part : Math.sqrt(part);
  };

  function draw() {
    const lanes = shown();
    const span = state.end - state.start + 1;
    const letters = data?.letters && plotWidth() / span >= 7;
    const height = LANE * Math.max(1, lanes.length) + AXIS + (letters ? LETTERS : 0);
    resize(canvas, pen, height);
    const top = limit();
    const step = plotWidth() / span;
    const right = LEFT + plotWidth();
    pen.textBaseline = "alphabetic";
    const family = getComputedStyle(document.body).fontFamily;
    lanes.forEach((m, n) => {
      const base = LANE * (n + 1) - 5;
      const tall = LANE - 13;
      pen.lineWidth = 1;
      const marks = [top, state.scale === "score" ? 0.5 : top < 0.5 ? 0.01 : 0.1];
      for (const mark of [0, ...marks]) {
        const y = Math.round(base - tall * heightOf(mark, top)) + 0.5;
        pen.strokeStyle = mark ? colors.line : colors["strong-line"];
        pen.beginPath(); pen.moveTo(LEFT, y); pen.lineTo(right, y); pen.stroke();
      }
      pen.fillStyle = colors[`${m.symbol} ink`];
      pen.font = `600 13px ${family}`;
      pen.textAlign = "right";
      pen.fillText(m.symbol, LEFT - 28, base - 6);
      if (n === 0) {
        pen.fillStyle = colors.soft; pen.font = `10px ${family}`;
        for (const mark of marks) pen.fillText(String(mark), LEFT - 4, base - tall * heightOf(mark, top) + 3);
      }
      const track = data?.tracks.find((each) => each.modification === m.symbol);
      if (!track) return;
      pen.globalAlpha = 0.5;
      pen.strokeStyle = colors[m.symbol];
      pen.lineWidth = clamp(step * 0.6, 1, 7);
      pen.beginPath();
      const values = valuesOf(track);
      track.positions.forEach((position, i) => {
        if (position < state.start || position > state.end) return;
        const value = heightOf(values[i], top);
        if (value < 0.02) return;
        const x = xOf(position);
        pen.moveTo(x, base); pen.lineTo(x, base - tall * value);
      });
      pen.stroke();
      pen.globalAlpha = 1;
      for (const site of data.sites) {
        if (site.modification !== m.symbol || site.position < state.start || site.position > state.end) continue;
        const value = heightOf(valueOf(site), top);
        const x = xOf(site.position), y = base - tall * value;
        pen.strokeStyle = pen.fillStyle = colors[m.symbol];
        pen.lineWidth = clamp(step * 0.6, 1.6, 7);
        pen.beginPath(); pen.moveTo(x, base); pen.lineTo(x, y); pen.stroke();
        pen.beginPath(); pen.arc(x, y, 4, 0, 7); pen.fill();
        if (state.site === `${site.position}:${m.symbol}`) {
          pen.strokeStyle = colors.ink; pen.lineWidth = 2;
          pen.beginPath(); pen.arc(x, y, 7, 0, 7); pen.stroke();
        }
      }
      if (hovered && hovered.modification === m.symbol) {
        pen.strokeStyle = colors.ink; pen.lineWidth = 1.5;
        const x = xOf(hovered.position), y = base - tall * heightOf(valueOf(hovered), top);
        pen.beginPath(); pen.arc(x, y, 6, 0, 7); pen.stroke();
      }
    });
    let bottom = LANE * Math.max(1, lanes.length);
    if (letters) {
      pen.font = `600 11px ui-monospace, "DejaVu Sans Mono", Menlo, monospace`;
      pen.textAlign = "center";
      for (let position = state.start; position <= state.end; position += 1) {
        const letter = data.letters[position - data.start];
        if (!letter) continue;
        pen.fillStyle = colors[`base-${letter}`] || colors.soft;
        pen.fillText(letter, xOf(position), bottom + 9);
      }
      bottom += LETTERS;
    }
    pen.font = `11px ${family}`;
    pen.fillStyle = colors.soft;
    pen.strokeStyle = colors["strong-line"];
    pen.textAlign = "center";
    pen.lineWidth = 1;
    for (const tick of ticks(state.start, state.end)) {
      const x = Math.round(xOf(tick)) + 0.5;
      pen.beginPath(); pen.moveTo(x, bottom); pen.lineTo(x, bottom + 5); pen.stroke();
      const text = tick.toLocaleString("en");
      const half = pen.measureText(text).width / 2;
      pen.fillText(text, clamp(x, LEFT + half, right + RIGHT - half), bottom + 18);
    }
    drawOverview();
    if (document.activeElement !== range) range.value = `${state.start}–${state.end}`;
  }

  function ticks(start, end) {
    const most = Math.max(2, plotWidth() / 90);
    const raw = (end - start + 1) / most;
    const power = 10 ** Math.floor(Math.log10(Math.max(raw, 1)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((each) => each >= raw);
    const list = [];
    for (let tick = Math.ceil(start / step) * step; tick <= end; tick += step) list.push(tick);
    return list;
  }

  function drawOverview() {
    resize(overview, overPen, 30);
    const width = plotWidth();
    const at = (position) => LEFT + (position - 0.5) / length * width;
    overPen.fillStyle = colors.sunken;
    overPen.beginPath(); overPen.roundRect(LEFT, 6, width, 20, 5); overPen.fill();
    for (const site of whole?.sites || []) {
      if (state.hidden.has(site.modification)) continue;
      overPen.fillStyle = colors[site.modification];
      overPen.fillRect(at(site.position) - 1, 9, 2, 14);
    }
    const x = at(state.start), w = Math.max(5, at(state.end) - x);
    overPen.strokeStyle = colors.accent; overPen.lineWidth = 2;
    overPen.beginPath(); overPen.roundRect(clamp(x, LEFT, LEFT + width - w), 5, w, 22, 5); overPen.stroke();
  }

  // Moving

  function zoom(factor, centre = (state.start + state.end) / 2) {
    const span = (state.end - state.start + 1) * factor;
    const share = (centre - state.start) / (state.end - state.start + 1);
    fit(centre - span * share, centre - span * share + span - 1);
    changed();
  }

  function pan(share) {
    const by = Math.max(1, Math.round((state.end - state.start + 1) * Math.abs(share))) * Math.sign(share);
    fit(state.start + by, state.end + by);
    changed();
  }

  function showWhole() { fit(1, length); changed(); }

  function focusOn(position) {
    const span = Math.min(state.end - state.start + 1, 120);
    fit(position - span / 2, position + span / 2);
    changed();
  }

  document.querySelector("[data-zoom-in]").addEventListener("click", () => zoom(0.5));
  document.querySelector("[data-zoom-out]").addEventListener("click", () => zoom(2));
  document.querySelector("[data-whole]").addEventListener("click", showWhole);
  scaleSelect.addEventListener("change", () => { state.scale = scaleSelect.value; changed(); });
  range.addEventListener("change", () => {
    const numbers = range.value.replaceAll(",", "").match(/\d+/g);
    if (numbers?.length === 1) focusOn(clamp(Number(numbers[0]), 1, length));
    else if (numbers?.length === 2) { fit(Number(numbers[0]), Number(numbers[1])); changed(); }
    range.blur();
  });
  for (const button of document.querySelectorAll(".legend button[data-symbol]")) {
    const symbol = button.dataset.symbol;
    button.setAttribute("aria-pressed", String(!state.hidden.has(symbol)));
    button.addEventListener("click", () => {
      if (state.hidden.has(symbol)) state.hidden.delete(symbol); else state.hidden.add(symbol);
      button.setAttribute("aria-pressed", String(!state.hidden.has(symbol)));
      changed();
    });
  }

  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaX) < Math.abs(event.deltaY)) return;
    event.preventDefault();
    if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, positionOf(event.offsetX));
    else pan((event.deltaX || event.deltaY) / plotWidth());
  }, {passive: false});

  const pointers = new Map();
  let grabbed = null;
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event.offsetX);
    canvas.setPointerCapture(event.pointerId);
    grabbed = {x: event.offsetX, start: state.start, end: state.end, moved: false};
    if (pointers.size === 2) grabbed.pinch = distance();
  });
  function distance() {
    const [a, b] = [...pointers.values()];
    return Math.max(10, Math.abs(a - b));
  }
  canvas.addEventListener("pointermove", (event) => {
    if (!grabbed) { hover(event.offsetX, event.offsetY); return; }
    pointers.set(event.pointerId, event.offsetX);
    const span = grabbed.end - grabbed.start + 1;
    if (pointers.size === 2 && grabbed.pinch) {
      const centre = (grabbed.start + grabbed.end) / 2;
      const wanted = span * grabbed.pinch / distance();
      fit(centre - wanted / 2, centre + wanted / 2);
      grabbed.moved = true;
      changed();
      return;
    }
    const by = Math.round((grabbed.x - event.offsetX) / plotWidth() * span);
    if (Math.abs(event.offsetX - grabbed.x) > 4) grabbed.moved = true;
    if (grabbed.moved) {
      canvas.classList.add("dragging");
      tip.hidden = true;
      fit(grabbed.start + by, grabbed.end + by);
      changed();
    }
  });
  function release(event) {
    pointers.delete(event.pointerId);
    canvas.classList.remove("dragging");
    if (grabbed && !grabbed.moved && event.type === "pointerup") {
      hover(event.offsetX, event.offsetY);
      if (hovered) open(hovered);
    }
    grabbed = null;
  }
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; hovered = null; draw(); });
  canvas.addEventListener("dblclick", (event) => zoom(0.4, positionOf(event.offsetX)));

  let sliding = false;
  function slide(event) {
    const centre = (event.offsetX - LEFT) / plotWidth() * length;
    const span = state.end - state.start + 1;
    fit(centre - span / 2, centre + span / 2);
    changed();
  }
  overview.addEventListener("pointerdown", (event) => { sliding = true; overview.setPointerCapture(event.pointerId); slide(event); });
  overview.addEventListener("pointermove", (event) => { if (sliding) slide(event); });
  overview.addEventListener("pointerup", () => { sliding = false; });
  overview.addEventListener("pointercancel", () => { sliding = false; });

  // Candidates under the pointer

  function nearest(x, y) {
    const lanes = shown();
    const m = lanes[Math.floor(y / LANE)];
    const track = m && data?.tracks.find((each) => each.modification === m.symbol);
    if (!track) return null;
    let best = null;
    track.positions.forEach((position, i) => {
      if (position < state.start || position > state.end) return;
      const far = Math.abs(xOf(position) - x);
      if (far > 9) return;
      const rank = far - 8 * valuesOf(track)[i];
      if (!best || rank < best.rank) best = {rank, position, score: track.scores[i], probability: track.probabilities[i], modification: m.symbol};
    });
    return best;
  }

  function hover(x, y) {
    const candidate = nearest(x, y);
    const same = candidate && hovered && candidate.position === hovered.position && candidate.modification === hovered.modification;
    hovered = candidate;
    canvas.classList.toggle("over-site", Boolean(candidate));
    if (!candidate) { tip.hidden = true; if (!same) draw(); return; }
    const called = data.sites.find((s) => s.position === candidate.position && s.modification === candidate.modification);
    tip.textContent = `${candidate.modification} at ${candidate.position.toLocaleString("en")} · probability ${number(candidate.probability)} · score ${candidate.score.toFixed(4)}${called?.call ? ` · ${called.call}` : ""}`;
    tip.hidden = false;
    const left = clamp(xOf(candidate.position) - tip.offsetWidth / 2, 0, canvas.clientWidth - tip.offsetWidth);
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.max(0, Math.floor(y / LANE) * LANE - tip.offsetHeight + 4)}px`;
    if (!same) draw();
  }

  function number(value) { return value >= 0.1 ? value.toFixed(2) : value.toPrecision(2); }

  function open(site) {
    state.site = `${site.position}:${site.modification}`;
    remember();
    draw();
    const address = `${view.dataset.site}?sequence=${sequence}&position=${site.position}&modification=${encodeURIComponent(site.modification)}`;
    const panel = document.querySelector("#site");
    panel.hidden = false;
    panel.querySelector("[data-loading]")?.remove();
    const wait = document.createElement("p");
    wait.className = "loading";
    wait.dataset.loading = "";
    wait.textContent = `Explaining ${site.modification} at ${site.position.toLocaleString("en")}`;
    panel.replaceChildren(wait);
    panel.scrollIntoView({block: "nearest"});
    htmx.ajax("GET", address, {target: "#site", swap: "innerHTML"});
    live.textContent = `${site.modification} at ${site.position}: loading the explanation`;
  }

  function sitesInOrder() {
    return (whole?.sites || []).filter((s) => !state.hidden.has(s.modification))
      .sort((a, b) => a.position - b.position || a.modification.localeCompare(b.modification));
  }

  function step(by) {
    const list = sitesInOrder();
    if (!list.length) { live.textContent = "No reported site"; return; }
    const now = list.findIndex((s) => state.site === `${s.position}:${s.modification}`);
    const next = list[(now + by + list.length) % list.length] || list[0];
    state.site = `${next.position}:${next.modification}`;
    if (next.position < state.start || next.position > state.end) focusOn(next.position);
    live.textContent = `${next.modification} at ${next.position}, probability ${number(next.probability)}; Enter explains it`;
    draw();
    remember();
  }

  canvas.addEventListener("keydown", (event) => {
    const actions = {
      ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2),
      ArrowUp: () => zoom(0.6), ArrowDown: () => zoom(1 / 0.6), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6),
      Home: showWhole, 0: showWhole, n: () => step(1), p: () => step(-1),
      Enter: () => {
        const [position, modification] = state.site.split(":");
        if (modification) open({position: Number(position), modification});
      },
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });

  // Links in the table and in the panel open a site in the track
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-position]");
    if (!link || Number(link.dataset.sequence) !== sequence || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const position = Number(link.dataset.position);
    if (position < state.start || position > state.end || state.end - state.start > 400) focusOn(position);
    open({position, modification: link.dataset.modification});
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-close-site]")) return;
    document.querySelector("#site").hidden = true;
    state.site = "";
    remember();
    draw();
    canvas.focus();
  });

  new ResizeObserver(() => draw()).observe(view);
  const themed = () => { readColors(); draw(); };
  document.addEventListener("themechange", themed);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);

  readColors();
  (async () => {
    if (state.start !== 1 || state.end !== length) {
      const answer = await fetch(`${view.dataset.track}?sequence=${sequence}&bins=10`);
      if (answer.ok) whole = await answer.json();
    }
    await load();
    if (state.site) {
      const [position, modification] = state.site.split(":");
      if (modification) open({position: Number(position), modification});
    }
  })();
})();
