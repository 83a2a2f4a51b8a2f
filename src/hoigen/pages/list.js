"use strict";
(() => {
  const holder = document.getElementById("clip-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const [ID, URI, START, END, STATE, RULE, REASON, WORDS, BESIDE, VALUES] = Array(10).keys();
  const section = document.getElementById("clips");
  const form = section.querySelector("form");
  const found = section.querySelector(".found");
  const rows = section.querySelector(".rows");
  const head = section.querySelector("thead");
  const body = section.querySelector("tbody");
  const ask = section.querySelector(".said");
  const dialog = document.getElementById("clip");
  const one = dialog.querySelector(".one");
  const HEIGHT = 38;
  const number = new Map(data.numbers.map((name, at) => [name, VALUES + at]));
  const given = new Map(data.given.map(([name], at) => [name, VALUES + data.numbers.length + at]));
  const ranged = new Map([...number, ...data.given.filter(([, numbers]) => numbers).map(([name]) => [name, given.get(name)])]);
  const ruled = data.numbers.filter((name) => name in data.ruled);

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }
  const shown = (value) => value === null || value === undefined ? "–"
    : Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  const clock = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
  };
  const file = (clip) => data.uris[clip[URI]].split("/").pop() || data.uris[clip[URI]];

  /* what was said here: kept by the browser until it is saved as a file */
  const place = `hoigen labels ${data.run} ${data.clips.length ? data.clips[0][ID] : ""}`;
  let said = {};
  try { said = JSON.parse(localStorage.getItem(place) || "{}"); } catch { /* a browser that keeps nothing */ }
  function say(clip, value) {
    if (!clip[ID]) return;
    if (value) said[clip[ID]] = { value, when: new Date().toISOString() };
    else delete said[clip[ID]];
    try { localStorage.setItem(place, JSON.stringify(said)); } catch { /* as above */ }
    told();
  }
  function told() {
    const all = Object.values(said);
    const yes = all.filter((each) => each.value === "yes").length;
    ask.querySelector(".labels").textContent = all.length
      ? `${all.length} labelled: ${yes} yes, ${all.length - yes} no` : "Open a clip and press y or n.";
    ask.querySelectorAll("button").forEach((button) => { button.disabled = !all.length; });
  }
  function save() {
    const [question, who] = ["question", "who"].map((name) => ask.querySelector(`[name=${name}]`));
    for (const input of [question, who]) {
      input.setCustomValidity(input.value.trim() ? "" : "Needed: it stands in the file.");
      if (!input.reportValidity()) return;
    }
    const cell = (text) => `"${String(text).replaceAll('"', '""')}"`;
    const lines = [["clip", "question", "value", "who", "when", "tool", "note"]];
    for (const [clip, { value, when }] of Object.entries(said)) {
      lines.push([clip, question.value.trim(), value, who.value.trim(), when, "hoigen report", ""]);
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.map((line) => line.map(cell).join(",") + "\n").join("")], { type: "text/csv" }));
    link.download = `labels_${question.value.trim().replace(/[^\w-]+/g, "_")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    ask.querySelector(".labels").textContent = `Saved. hoigen suggest ${data.run} --labels ${link.download}`;
  }
  ask.querySelector("[data-save]").addEventListener("click", save);
  ask.querySelector("[data-forget]").addEventListener("click", () => {
    said = {};
    try { localStorage.removeItem(place); } catch { /* as above */ }
    told();
    draw();
  });

  /* which rows, in which order */
  let order = { by: null, down: false };
  let list = data.clips;
  const low = data.clips.map((clip) =>
    [clip[ID], data.uris[clip[URI]], clip[REASON], clip[WORDS], clip[RULE], ...[...given.values()].map((n) => clip[n] ?? "")].join("\n").toLowerCase());
  const index = new Map(data.clips.map((clip, at) => [clip, at]));
  const value = (name) => (form.elements[name] ? form.elements[name].value : "");
  function filter() {
    const words = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    const [state, rule, label, beside] = ["state", "rule", "label", "beside"].map(value);
    const at = ranged.get(value("number"));
    const column = given.get(value("column"));
    const holds = value("holds").trim().toLowerCase();
    const [least, most] = ["least", "most"].map((name) => value(name) === "" ? null : Number(value(name)));
    list = data.clips.filter((clip, n) => {
      if (words.some((word) => !low[n].includes(word))) return false;
      if (state && clip[STATE] !== state) return false;
      if (rule && clip[RULE] !== rule) return false;
      if (label && ((said[clip[ID]] || {}).value || "none") !== label) return false;
      if (beside === "changed" && clip[BESIDE] === clip[STATE]) return false;
      if (beside.startsWith("there:") && clip[BESIDE] !== beside.slice(6)) return false;
      if (column !== undefined && (holds ? !String(clip[column] ?? "").toLowerCase().includes(holds) : clip[column] === null)) return false;
      if (at === undefined || (least === null && most === null)) return true;
      const own = clip[at];
      return own !== null && (least === null || own >= least) && (most === null || own <= most);
    });
    if (order.by !== null) {
      const sign = order.down ? -1 : 1;
      const key = typeof order.by === "number" ? (clip) => clip[order.by]
        : { file, length: (clip) => clip[END] - clip[START] }[order.by];
      list.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === null || y === null) return (x === null) - (y === null);  // what has no value is last either way
        return (x < y ? -1 : x > y ? 1 : index.get(a) - index.get(b)) * (x === y ? 1 : sign);
      });
    }
    found.textContent = list.length === data.clips.length ? `all ${list.length.toLocaleString("en")}`
      : `${list.length.toLocaleString("en")} of ${data.clips.length.toLocaleString("en")}`;
    rows.scrollTop = 0;
    draw();
  }

  const columns = [
    ["", null, (clip) => ({ yes: "✓", no: "✗" })[(said[clip[ID]] || {}).value] || ""],
    ["file", "file", null],
    ["from", START, (clip) => clip[ID] ? clock(clip[START]) : ""],
    ["length", "length", (clip) => clip[ID] ? `${(clip[END] - clip[START]).toFixed(1)} s` : ""],
    ["ended", STATE, (clip) => clip[RULE] ? `${clip[STATE]} by ${clip[RULE]}` : clip[STATE]],
    ...(data.beside ? [[`in ${data.beside}`, BESIDE, (clip) => clip[BESIDE]]] : []),
    ...[...ruled, ...data.numbers.filter((name) => !(name in data.ruled))]
      .map((name) => [name, number.get(name), (clip) => shown(clip[number.get(name)])]),
    ...data.given.map(([name, numbers]) => [name, given.get(name),
      (clip) => numbers || clip[given.get(name)] === null ? shown(clip[given.get(name)]) : clip[given.get(name)]]),
  ];
  function heads() {
    head.replaceChildren(make("tr", "", ...columns.map(([name, by]) => {
      const cell = make("th");
      cell.scope = "col";
      if (by === null) { cell.append(make("span", "unseen", "label")); return cell; }
      const button = make("button", "", name);
      button.type = "button";
      if (name in data.ruled) button.append(make("small", "", ` ${data.ruled[name]}`));
      cell.append(button);
      if (order.by === by) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      button.addEventListener("click", () => {
        order = order.by !== by ? { by, down: false } : order.down ? { by: null, down: false } : { by, down: true };
        heads();
        filter();
      });
      return cell;
    })));
  }
  function draw() {
    const first = Math.max(0, Math.floor(rows.scrollTop / HEIGHT) - 8);
    const last = Math.min(list.length, first + Math.ceil(rows.clientHeight / HEIGHT) + 16);
    const space = (height) => {
      const cell = make("td");
      cell.colSpan = columns.length;
      cell.style.height = `${height}px`;
      const row = make("tr", "space", cell);
      row.setAttribute("aria-hidden", "true");
      return row;
    };
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.row : undefined;
    body.replaceChildren(space(first * HEIGHT), ...list.slice(first, last).map((clip, n) => {
      const row = make("tr", clip[STATE], ...columns.map(([name, , text]) => {
        if (text) return make("td", name in data.ruled || ranged.has(name) ? "value" : "", text(clip));
        const button = make("button", "open", file(clip));
        button.type = "button";
        button.title = data.uris[clip[URI]];
        button.dataset.row = String(first + n);
        return make("td", "", button);
      }));
      row.title = clip[REASON];
      return row;
    }), space((list.length - last) * HEIGHT));
    if (focused !== undefined) (body.querySelector(`[data-row="${focused}"]`) || rows).focus({ preventScroll: true });
  }

  /* one clip */
  let at = 0;
  function open(row) {
    at = (row + list.length) % list.length;
    const clip = list[at];
    const uri = data.uris[clip[URI]];
    const source = data.sources[clip[URI]];
    const why = make("p", "why", [clip[RULE] ? `${clip[STATE]} by ${clip[RULE]}` : clip[STATE], clip[REASON]].filter(Boolean).join(": "));
    const command = make("code", "", clip[ID] ? `hoigen show ${data.run} ${clip[ID]}` : `hoigen table ${data.run}`);
    const copy = make("button", "", "Copy");
    copy.type = "button";
    copy.dataset.copy = "";
    const facts = make("div", "told",
      make("p", "name", file(clip)), make("p", "path", uri),
      make("p", "span", clip[ID] ? `${clock(clip[START])}–${clock(clip[END])} · ${(clip[END] - clip[START]).toFixed(1)} s` : "no clips yet"),
      why, ...(data.beside ? [make("p", "path", `in ${data.beside}: ${clip[BESIDE]}`)] : []),
      ...(clip[WORDS] ? [make("p", "words", clip[WORDS])] : []),
      ...[...given].filter(([, n]) => clip[n] !== null).map(([name, n]) => make("p", "path", `${name}: ${clip[n]}`)), make("p", "command", command, copy));
    const scores = make("table", "", make("tbody", "", ...columns.filter(([name]) => number.has(name)).map(([name]) => {
      const line = make("tr", name === clip[RULE] ? "broken" : "", make("th", "", name), make("td", "", shown(clip[number.get(name)])),
        make("td", "bound", data.ruled[name] || ""));
      return line;
    })));
    one.replaceChildren(make("div", "screen", film(clip, source)), facts, make("div", "numbers", scores));
    dialog.querySelector(".place").textContent = `${(at + 1).toLocaleString("en")} of ${list.length.toLocaleString("en")}`;
    labels();
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }
  function film(clip, source) {
    const strip = [...document.querySelectorAll(".tile")].find((tile) => clip[ID] && tile.dataset.clip === clip[ID]);
    const instead = (text) => {
      const parts = [make("p", "empty", text, make("code", "", `hoigen review ${data.run}`), " plays every clip.")];
      if (strip) {
        const pictures = make("div", "strip");
        pictures.append(...strip.querySelector(".strip").cloneNode(true).childNodes);
        parts.unshift(pictures);
      }
      return make("div", "", ...parts);
    };
    if (!clip[ID]) return make("p", "empty", "This video has no clips yet.");
    if (!source) return instead("This page plays files that lie on a disk beside it. ");
    const video = make("video");
    Object.assign(video, { controls: true, muted: true, autoplay: true, playsInline: true });
    video.src = `${source}#t=${clip[START]},${clip[END]}`;
    video.addEventListener("timeupdate", () => {
      if (video.currentTime >= clip[END] - 0.02 && !video.paused) { video.currentTime = clip[START]; video.play(); }
    });
    video.addEventListener("ended", () => { video.currentTime = clip[START]; video.play(); });
    video.addEventListener("error", () => video.replaceWith(instead("The file is not there, or this browser cannot play it. ")));
    return video;
  }
  function labels() {
    const now = (said[list[at][ID]] || {}).value;
    dialog.querySelectorAll("[data-label]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.label === now));
      button.disabled = !list[at][ID];
    });
  }
  function label(value) {
    say(list[at], value);
    labels();
    draw();
  }

  dialog.addEventListener("click", (event) => {
    const target = event.target;
    if (target === dialog || target.closest("[data-shut]")) return dialog.close();
    const step = target.closest("[data-go]");
    if (step) return open(at + Number(step.dataset.go));
    const own = target.closest("[data-label]");
    if (own) label(own.getAttribute("aria-pressed") === "true" ? null : own.dataset.label);
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const video = one.querySelector("video");
    const keys = {
      y: () => label("yes"), n: () => label("no"), u: () => label(null),
      ArrowLeft: () => open(at - 1), ArrowRight: () => open(at + 1),
      " ": () => video && (video.paused ? video.play() : video.pause()),
    };
    if (!(event.key in keys) || (event.key === " " && event.target.closest("button"))) return;
    event.preventDefault();
    keys[event.key]();
  });
  dialog.addEventListener("close", () => {
    one.replaceChildren();  // nothing plays on
    draw();
    const opener = body.querySelector(`[data-row="${at}"]`);
    if (opener) opener.focus({ preventScroll: true });
  });
  body.addEventListener("click", (event) => {
    const button = event.target.closest("[data-row]");
    if (button) open(Number(button.dataset.row));
  });
  rows.addEventListener("scroll", draw, { passive: true });
  addEventListener("resize", draw);
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter, 0));
  heads();
  told();
  filter();
})();
