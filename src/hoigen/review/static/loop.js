"use strict";
(() => {
  const root = document.getElementById("loop");
  if (!root) return;
  const { facts, by, outbox, csrf } = work.start(root);
  const AHEAD = 2; // clips whose videos are loaded before they are asked for
  const LOW = 10; // items left from which on more are claimed
  const deciding = facts.mode === "decide";
  const names = { keep: "keep", drop: "drop", unsure: "unsure" };
  const values = {
    keep: names,
    claims: { keep: "true", drop: "false", unsure: "cannot_tell" },
    preference: { keep: "second", drop: "first", unsure: "tie" },
    frames: { keep: "yes", drop: "no", unsure: "unsure" },
    rating: {},
  }[facts.question];
  const still = facts.question === "frames";
  const speeds = [1, 1.5, 2, 2.5, 3];
  let speed = facts.speed;
  let queue = []; // what is lent and not answered; the first is shown
  const answered = new Set(outbox.waiting().filter((answer) => answer.value !== null).map((answer) => answer.item));
  const skipped = new Set(); // items whose videos cannot be shown
  const history = []; // {item, id}: what was answered here, the last at the end
  const slots = new Map(); // item number -> its element with its videos
  let claiming = false;
  let lease = 600;
  let shown = null; // the item on the screen
  let began = 0; // when its first frame was there
  let pressed = 0; // when the key was pressed that brought it
  let retry = 0;

  // Loading

  function slot(item) {
    let found = slots.get(item.item);
    if (found) return found;
    found = document.createElement("div");
    found.className = "slot";
    for (const video of item.videos) {
      const about = still ? { ...video, begin: video.begin + item.subject.time, time: item.subject.time } : video;
      const frame = document.createElement("div");
      frame.className = "frame";
      frame.append(work.player(about));
      found.append(frame);
      const element = frame.firstChild;
      element.addEventListener("error", () => {
        if (!element.getAttribute("src")) return;
        if (element.getAttribute("src") !== about.small) return smaller(element, about); // the small file plays anywhere
        const words = document.createElement("p");
        words.className = "empty";
        words.textContent = "This browser cannot play the video.";
        const pass = document.createElement("button");
        pass.className = "button";
        pass.textContent = "Skip it";
        pass.addEventListener("click", skip);
        frame.replaceChildren(words, pass);
        work.failed(about.small, (told) => { words.textContent = told; }, () => {
          if (slots.get(item.item) !== found) return;
          frame.replaceChildren(element);
          element.src = about.small;
          if (found.classList.contains("on") && !still) element.play().catch(() => {});
        });
      });
    }
    slots.set(item.item, found);
    by("stage").append(found);
    return found;
  }

  function smaller(element, video) {
    const shift = video.begin - (still ? video.time : 0);
    Object.assign(element, { home: 0, begin: video.begin - shift, end: video.end - shift, src: video.small });
    element.addEventListener("loadedmetadata", () => { element.currentTime = element.begin; }, { once: true });
    if (element.closest(".on") && !still) element.play().catch(() => {});
  }

  const broken = (item) => Boolean(slots.get(item.item)?.querySelector(".frame > .empty"));

  const videos = (item = shown) => (item && slots.has(item.item) ? [...slots.get(item.item).querySelectorAll("video")] : []);

  function arrange() {
    const wanted = new Set(queue.slice(0, AHEAD + 1).map((item) => item.item));
    for (const [number, element] of slots) {
      if (wanted.has(number)) continue;
      for (const video of element.querySelectorAll("video")) {
        video.removeAttribute("src");
        video.load();
      }
      element.remove();
      slots.delete(number);
    }
    for (const item of queue.slice(0, AHEAD + 1)) slot(item);
  }

  async function more() {
    if (claiming) return;
    claiming = true;
    let result = {};
    try {
      result = deciding
        ? await work.ask(csrf, `/api/disputes/${facts.question}`)
        : await work.ask(csrf, "/api/claim", { question: facts.question });
      lease = result.lease || lease;
      const known = new Set(queue.map((item) => item.item));
      const left = (item) => !known.has(item.item) && !answered.has(item.item) && !skipped.has(item.item);
      queue.push(...result.items.filter(left));
      retry = 0;
    } catch (error) {
      retry = Math.min(10000, Math.max(500, retry * 2));
      if (!queue.length) empty(error.status ? error.message : "The server is not reached; trying again.");
      setTimeout(more, retry);
    }
    claiming = false;
    if (queue.length) show();
    else if (!retry) empty(!deciding ? work.nothing(result, skipped) : result.own ? "Nothing is left for you to decide: on what people differ about, you have answered yourself, so somebody else decides." : "Nothing is left to decide.");
  }

  function empty(words) {
    shown = null;
    arrange();
    const link = document.createElement("button");
    link.className = "button";
    link.textContent = "Look again";
    link.addEventListener("click", more);
    const home = document.createElement("a");
    home.className = "button";
    home.href = `${document.documentElement.dataset.base}/`;
    home.textContent = "To the first page";
    by("empty").replaceChildren(words, " ", link, " ", home);
    by("empty").hidden = false;
    root.classList.add("idle"); // nothing can be said of a clip that is not there; the last answer can be taken back
    by("strip").hidden = true;
    for (const name of ["claim", "caption", "votes", "details"]) by(name).hidden = true;
    root.dataset.item = "";
  }

  // Showing

  function show() {
    const item = queue[0];
    arrange();
    if (shown === item) return;
    shown = item;
    began = 0;
    root.classList.remove("idle");
    by("empty").hidden = true;
    for (const [number, element] of slots) {
      const on = number === item.item;
      element.classList.toggle("on", on);
      if (!on) for (const video of element.querySelectorAll("video")) video.pause();
    }
    const all = videos(item);
    const since = pressed || performance.now();
    pressed = 0;
    for (const [at, video] of all.entries()) {
      video.playbackRate = speed;
      if (at === 0) {
        video.requestVideoFrameCallback(() => {
          if (shown !== item) return;
          began = performance.now();
          root.dataset.frame = String(item.item);
          document.dispatchEvent(new CustomEvent("hoigen:frame", { detail: began - since }));
        });
      }
      if (!still) video.play().catch(() => {});
    }
    if (!all.length) began = performance.now();
    root.dataset.item = String(item.item);
    by("strip").hidden = item.videos.length !== 1 || still;
    by("strip").classList.add("awaited"); // its place is kept, so that no button moves under a finger
    by("strip").style.aspectRatio = String(8 * item.videos[0].shape);
    if (!by("strip").hidden) by("strip").src = item.videos[0].strip;
    by("claim").hidden = !item.subject.claim;
    by("claim").textContent = item.subject.claim || "";
    caption();
    by("details").hidden = true;
    by("details").replaceChildren();
    by("note").value = item.note || "";
    by("note-field").hidden = !item.note;
    by("cut").hidden = true;
    root.classList.remove("cutting");
    votes(item);
    step();
    if (queue.length <= LOW && !deciding) more();
  }

  function step() {
    if (by("speed")) by("speed").textContent = `${speed}×`;
    if (shown && shown.said) say(`Before: ${facts.values[shown.said] || shown.said}`);
  }

  function caption() {
    by("caption").textContent = shown ? shown.caption : "";
    by("caption").scrollTop = 0;
    const asked = ["preference", "rating"].includes(facts.question); // what the text says is the question itself
    by("caption").hidden = !(shown && shown.caption && (facts.caption || asked));
  }

  function votes(item) {
    by("votes").hidden = !item.votes;
    if (!item.votes) return;
    by("votes").replaceChildren(...item.votes.map((vote) => {
      const line = document.createElement("p");
      line.dir = "auto";
      const who = document.createElement("b");
      who.textContent = vote.name;
      const how = [facts.values[vote.value] || vote.value, vote.reason, vote.note && `“${vote.note}”`,
        vote.mode === "grid" && "nine at a time", vote.seconds !== null && `${vote.seconds.toFixed(1)} s`];
      line.append(who, ` ${how.filter(Boolean).join(", ")}`);
      const part = JSON.parse(vote.extra);
      if (["trim", "crop"].includes(vote.value)) {
        const kept = ["in" in part && `${part.in.toFixed(2)} to ${part.out.toFixed(2)} s`,
          "crop" in part && `${part.crop.map((side) => Math.round(side * 100)).join(", ")} % (left, top, right, bottom)`];
        const look = document.createElement("button");
        look.textContent = "Show";
        look.setAttribute("aria-label", `Show what ${vote.name} keeps`);
        look.addEventListener("click", () => openCut(part));
        line.append(`: ${kept.filter(Boolean).join("; ")} `, look);
      }
      return line;
    }));
  }

  function say(words) {
    if (words !== null) by("status").textContent = words;
  }

  // Answering

  function skip() {
    if (!shown) return;
    const item = queue.shift();
    skipped.add(item.item);
    const given = deciding ? Promise.resolve() : work.skip(csrf, [item.item]);
    shown = null;
    say("Skipped: it cannot be shown.");
    if (queue.length) show();
    else given.finally(more_soon);
  }

  function answer(value, more = {}) {
    if (!shown) return;
    if (broken(shown)) return value === values.unsure ? skip() : say("Nothing can be said of what is not shown: skip it.");
    if (deciding && value === "unsure") return say("This is where it is decided.");
    pressed = performance.now();
    const item = shown;
    const said = {
      id: crypto.randomUUID(),
      item: item.item,
      value,
      reason: more.reason || "",
      note: by("note").value.trim(),
      seconds: began ? Math.round(performance.now() - began) / 1000 : null,
      mode: "single",
      extra: { speed, ...more.extra },
    };
    outbox.put(deciding ? "/api/decisions" : "/api/answers", said);
    answered.add(item.item);
    history.push({ item, id: said.id });
    delete item.said;
    item.note = "";
    item.last = value;
    queue.shift();
    shown = null;
    say(`${facts.values[value] || value}${more.reason ? `: ${more.reason}` : ""}`);
    if (queue.length) show();
    else {
      empty("Loading …");
      outbox.flush().finally(more_soon);
    }
  }

  const more_soon = () => setTimeout(more, 50);

  async function undo() {
    let last = history.pop();
    if (!last && !deciding) {
      const but = outbox.waiting().flatMap((said) => [said.id, said.supersedes]).filter(Boolean);
      const asked = new URLSearchParams(but.map((id) => ["but", id]));
      const found = await work.ask(csrf, `/api/mine/${facts.question}?${asked}`).catch(() => null);
      if (found && found.verdict) last = { item: { ...found.item, note: found.verdict.note }, id: found.verdict.id, value: found.verdict.value };
    }
    if (!last) return say("There is nothing to take back.");
    outbox.put(deciding ? "/api/decisions" : "/api/answers",
      { id: crypto.randomUUID(), item: last.item.item, value: null, mode: "single", supersedes: last.id });
    answered.delete(last.item.item);
    last.item.said = last.item.last || last.value;
    queue = [last.item, ...queue.filter((item) => item.item !== last.item.item)];
    shown = null;
    show();
    say(`Taken back: ${facts.values[last.item.said] || last.item.said}`);
  }

  // Tools

  function frame(by_) {
    for (const video of videos()) {
      video.pause();
      video.currentTime = Math.min(video.end, Math.max(video.begin, video.currentTime + by_ / video.fps));
    }
  }

  function faster(by_) {
    const at = speeds.indexOf(speed) + by_;
    if (at < 0 || at >= speeds.length) return;
    speed = speeds[at];
    for (const video of videos()) video.playbackRate = speed;
    step();
    work.ask(csrf, "/api/settings", { speed }).catch(() => {});
  }

  async function details() {
    if (!by("details").hidden || !shown || !shown.about) {
      by("details").hidden = true;
      for (const box of document.querySelectorAll(".box")) box.remove();
      return;
    }
    const item = shown;
    const found = await work.ask(csrf, `/api/details/${item.about}`).catch((error) => ({ numbers: [], boxes: [], source: error.message }));
    if (shown !== item) return;
    const list = document.createElement("dl");
    for (const { name, value } of [...found.numbers, { name: "source", value: found.source }]) {
      if (value === null || value === "") continue;
      const term = document.createElement("dt");
      term.textContent = name;
      const what = document.createElement("dd");
      what.textContent = typeof value === "number" ? String(Number(value.toPrecision(4))) : value;
      const both = document.createElement("div"); // so that a line never ends between the two
      both.append(term, what);
      list.append(both);
    }
    by("details").replaceChildren(list);
    by("details").hidden = false;
    const place = slots.get(item.item).querySelector(".frame");
    for (const { box, kind, label } of place ? found.boxes : []) {
      const element = document.createElement("div");
      element.className = `box ${["person", "hand", "object", "contact", "text"].includes(kind) ? kind : ""}`;
      const words = document.createElement("b");
      words.textContent = label || kind;
      element.append(words);
      Object.assign(element.style, {
        left: `${box[0] * 100}%`, top: `${box[1] * 100}%`,
        width: `${(box[2] - box[0]) * 100}%`, height: `${(box[3] - box[1]) * 100}%`,
      });
      place.append(element);
    }
  }

  // Trim and crop

  const cut = by("cut");
  const field = (name) => cut.elements[name];
  const sides = ["left", "top", "right", "bottom"];

  // part: what somebody else keeps of it
  function openCut(part = {}) {
    if (!shown || facts.question !== "keep" || !videos().length) return;
    for (const name of ["in", "out"]) field(name).max = shown.seconds.toFixed(2);
    field("in").value = part.in ?? 0;
    field("out").value = (part.out ?? shown.seconds).toFixed(2);
    sides.forEach((name, at) => { field(name).value = part.crop ? part.crop[at] : at < 2 ? 0 : 1; });
    cut.hidden = false;
    root.classList.add("cutting");
    drawCut();
    field("in").focus();
  }

  function drawCut() {
    for (const output of cut.querySelectorAll("output")) output.textContent = Number(output.previousElementSibling.value).toFixed(2);
    const [video] = videos();
    if (!video) return;
    const base = video.home;
    video.begin = base + Number(field("in").value);
    video.end = Math.max(video.begin + 0.1, base + Number(field("out").value));
    if (video.currentTime < video.begin || video.currentTime > video.end) video.currentTime = video.begin;
    const [left, top, right, bottom] = sides.map((name) => Number(field(name).value));
    const place = video.parentElement;
    let border = place.querySelector(".border");
    if (!border) {
      border = document.createElement("div");
      border.className = "border";
      place.append(border);
    }
    Object.assign(border.style, { left: `${left * 100}%`, top: `${top * 100}%`, right: `${(1 - right) * 100}%`, bottom: `${(1 - bottom) * 100}%` });
  }

  function closeCut() {
    cut.hidden = true;
    root.classList.remove("cutting");
    document.querySelectorAll(".border").forEach((border) => border.remove());
    if (!shown) return;
    for (const video of videos()) Object.assign(video, { begin: video.home, end: video.home + shown.seconds });
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }

  cut.addEventListener("input", drawCut);
  cut.addEventListener("submit", (event) => {
    event.preventDefault();
    const begin = Number(field("in").value);
    const end = Math.min(Number(field("out").value), shown.seconds);
    const crop = sides.map((name) => Number(field(name).value));
    const trims = begin > 0.005 || end < shown.seconds - 0.015;
    const crops = crop[0] > 0 || crop[1] > 0 || crop[2] < 1 || crop[3] < 1;
    const wrong = !trims && !crops ? "Nothing is trimmed or cropped yet."
      : trims && end - begin < 0.1 ? "At least a tenth of a second has to stay."
        : crop[2] - crop[0] < 0.1 || crop[3] - crop[1] < 0.1 ? "At least a tenth of the picture has to stay." : "";
    by("cut-wrong").textContent = wrong;
    if (wrong) return;
    closeCut();
    answer(trims ? "trim" : "crop", { extra: { ...(trims ? { in: begin, out: end } : {}), ...(crops ? { crop } : {}) } });
  });
  cut.addEventListener("click", (event) => {
    const set = event.target.closest("[data-set]");
    if (set) {
      const [video] = videos();
      field(set.dataset.set).value = (video.currentTime - video.home).toFixed(2);
      drawCut();
    }
    if (event.target.closest("[data-close]")) closeCut();
  });

  // Keys and buttons

  const does = {
    keep: () => values.keep && answer(values.keep),
    drop: () => values.drop && answer(values.drop),
    unsure: () => values.unsure && answer(values.unsure),
    undo,
    replay: () => { for (const video of videos()) { video.currentTime = video.begin; if (!still) video.play().catch(() => {}); } },
    pause: () => { for (const video of videos()) video.paused ? video.play().catch(() => {}) : video.pause(); },
    slower: () => faster(-1),
    faster: () => faster(1),
    back: () => frame(-1),
    forward: () => frame(1),
    caption: () => {
      facts.caption = !facts.caption;
      caption();
      work.ask(csrf, "/api/settings", { caption: facts.caption }).catch(() => {});
    },
    details,
    note: () => { by("note-field").hidden = false; by("note").focus(); },
    cut: () => openCut(),
    help: () => { const keys = by("keys"); keys.open ? keys.close() : keys.showModal(); },
  };
  const doing = new Map(Object.entries(facts.keys).map(([name, key]) => [key.toLowerCase(), name]));
  const words = { " ": "Space", Backspace: "Bksp", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Enter: "⏎" };
  for (const key of document.querySelectorAll("[data-key]")) {
    const name = facts.keys[key.dataset.key];
    key.textContent = words[name] || name.toUpperCase();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target instanceof HTMLTextAreaElement) {
      if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) { event.preventDefault(); target.blur(); }
      return;
    }
    if (event.key === "Escape" && !cut.hidden) return closeCut();
    if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement || !cut.hidden) return;
    if (by("keys").open && event.key.toLowerCase() !== facts.keys.help) return;
    const name = doing.get(event.key.toLowerCase());
    if (name) {
      event.preventDefault();
      if (event.repeat && !["back", "forward"].includes(name)) return;
      return void does[name]();
    }
    if (event.repeat) return;
    if (facts.question === "rating" && /^[1-5]$/.test(event.key)) return answer(event.key);
    if (event.key in facts.reasons) answer("drop", { reason: facts.reasons[event.key] });
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.do) does[button.dataset.do]();
    else if (button.dataset.reason) answer("drop", { reason: facts.reasons[button.dataset.reason] });
    else if (button.dataset.value) answer(button.dataset.value);
    else if ("close" in button.dataset && button.closest("dialog")) button.closest("dialog").close();
    else return;
    if (button.dataset.do !== "note" && button.dataset.do !== "cut") button.blur();
  });

  // What is lent stays lent while the page is open

  if (!deciding) {
    work.hold(csrf, outbox, () => queue.map((item) => item.item), () => lease, (gone) => {
      queue = queue.filter((item) => item === shown || !gone.has(item.item)); // a key may be on its way for what is shown
      arrange();
      if (queue.length <= LOW) more();
    });
  }
  by("strip").addEventListener("error", () => { // not made yet
    const item = shown;
    setTimeout(() => { if (item && shown === item && item.videos.length === 1) by("strip").src = `${item.videos[0].strip}?${Date.now()}`; }, 1000);
  });
  by("strip").addEventListener("load", () => by("strip").classList.remove("awaited"));
  outbox.flush();
  step();
  more();
})();
