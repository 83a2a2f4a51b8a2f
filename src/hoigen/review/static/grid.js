"use strict";
(() => {
  const root = document.getElementById("grid");
  if (!root) return;
  const { facts, by, outbox, csrf } = work.start(root);
  const SIZE = 9;
  let queue = [];
  const answered = new Set(outbox.waiting().filter((answer) => answer.value !== null).map((answer) => answer.item));
  const skipped = new Set(); // items whose videos cannot be shown
  const history = []; // pages: [{item, id, marked}]
  const tiles = new Map();
  let shown = [];
  const marked = new Set();
  let began = 0;
  let claiming = false;
  let retry = 0;
  let lease = 600;

  function tile(item) {
    let found = tiles.get(item.item);
    if (found) return found;
    found = document.createElement("button");
    found.className = "tile";
    found.setAttribute("aria-pressed", "false");
    const [video] = item.videos;
    const player = work.player(video);
    player.tabIndex = -1;
    player.addEventListener("error", () => {
      if (!player.getAttribute("src")) return;
      if (player.getAttribute("src") === video.small) {
        item.broken = true;
        marked.delete(item.item);
        const words = document.createElement("span");
        words.textContent = "It cannot be shown, and is skipped.";
        player.replaceWith(words);
        work.failed(video.small, (told) => { words.textContent = `${told} It is skipped.`; }, () => {
          if (tiles.get(item.item) !== found) return;
          item.broken = false;
          words.replaceWith(player);
          player.src = video.small;
          if (!found.hidden) player.play().catch(() => {});
          draw();
        });
        return draw();
      }
      Object.assign(player, { home: 0, begin: 0, end: item.seconds, src: video.small });
      if (!found.hidden) player.play().catch(() => {});
    });
    found.append(player);
    const label = document.createElement("span");
    label.className = "mark";
    found.append(label);
    found.addEventListener("click", () => toggle(item));
    tiles.set(item.item, found);
    by("tiles").append(found);
    return found;
  }

  function toggle(item) {
    if (item.broken) return;
    marked.has(item.item) ? marked.delete(item.item) : marked.add(item.item);
    draw();
  }

  function draw() {
    shown.forEach((item, at) => {
      const element = tiles.get(item.item);
      const bad = marked.has(item.item);
      element.setAttribute("aria-pressed", String(bad));
      element.setAttribute("aria-label", `Clip ${at + 1}: ${item.broken ? "cannot be shown" : bad ? "drop" : "keep"}`);
      element.querySelector(".mark").textContent = bad ? `${at + 1} ✗ drop` : String(at + 1);
    });
    const broken = shown.filter((item) => item.broken).length;
    const keep = shown.length - marked.size - broken;
    by("next-words").textContent = [
      ...(marked.size ? [`Drop ${marked.size}`, `keep ${keep}`] : [broken ? `Keep ${keep}` : "Keep all"]),
      ...(broken ? [`skip ${broken}`] : []), "go on",
    ].join(", ");
  }

  function show() {
    shown = queue.slice(0, SIZE);
    const wanted = new Set(queue.slice(0, 2 * SIZE).map((item) => item.item));
    for (const [number, element] of tiles) {
      if (wanted.has(number)) continue;
      for (const video of element.querySelectorAll("video")) { video.removeAttribute("src"); video.load(); }
      element.remove();
      tiles.delete(number);
    }
    queue.slice(0, 2 * SIZE).forEach((item, at) => {
      const element = tile(item);
      const on = at < SIZE;
      element.hidden = !on;
      if (on) by("tiles").append(element); // in order
      for (const video of element.querySelectorAll("video")) {
        video.playbackRate = facts.speed;
        on ? video.play().catch(() => {}) : video.pause();
      }
    });
    by("empty").hidden = shown.length > 0;
    began = performance.now();
    root.dataset.items = shown.map((item) => item.item).join(" ");
    draw();
  }

  async function more() {
    if (claiming) return;
    claiming = true;
    let result = {};
    try {
      result = await work.ask(csrf, "/api/claim", { question: facts.question });
      lease = result.lease;
      const known = new Set(queue.map((item) => item.item));
      const left = (item) => !known.has(item.item) && !answered.has(item.item) && !skipped.has(item.item);
      queue.push(...result.items.filter(left));
      retry = 0;
    } catch (error) {
      retry = Math.min(10000, Math.max(500, retry * 2));
      by("empty").textContent = error.status ? error.message : "The server is not reached; trying again.";
      setTimeout(more, retry);
    }
    claiming = false;
    if (!retry && !queue.length) {
      const home = document.createElement("a");
      home.href = `${document.documentElement.dataset.base}/`;
      home.textContent = "To the first page";
      by("empty").replaceChildren(work.nothing(result, skipped), " ", home);
    }
    if (shown.length < SIZE) show();
  }

  function next() {
    if (!shown.length) return more();
    const broken = shown.filter((item) => item.broken).map((item) => item.item);
    for (const item of broken) skipped.add(item);
    const given = broken.length ? work.skip(csrf, broken) : Promise.resolve();
    const seen = shown.filter((item) => !item.broken);
    const each = (performance.now() - began) / 1000 / Math.max(1, seen.length);
    const page = seen.map((item) => {
      const bad = marked.has(item.item);
      const said = {
        id: crypto.randomUUID(), item: item.item, value: bad ? "drop" : "keep", mode: "grid",
        seconds: Math.round(each * 1000) / 1000, extra: { speed: facts.speed },
      };
      outbox.put("/api/answers", said);
      answered.add(item.item);
      return { item, id: said.id, marked: bad };
    });
    if (page.length) history.push(page);
    by("status").textContent = `${page.filter((one) => one.marked).length} dropped, ${page.filter((one) => !one.marked).length} kept`;
    queue = queue.slice(shown.length);
    marked.clear();
    show();
    if (queue.length <= SIZE) Promise.all([outbox.flush(), given]).finally(() => setTimeout(more, 50));
  }

  function undo() {
    const page = history.pop();
    if (!page) return void (by("status").textContent = "There is nothing to take back on this page.");
    for (const { item, id } of page) {
      outbox.put("/api/answers", { id: crypto.randomUUID(), item: item.item, value: null, mode: "grid", supersedes: id });
      answered.delete(item.item);
    }
    const back = new Set(page.map(({ item }) => item.item));
    queue = [...page.map(({ item }) => item), ...queue.filter((item) => !back.has(item.item))];
    marked.clear();
    for (const one of page) if (one.marked) marked.add(one.item.item);
    show();
    by("status").textContent = `Taken back: ${page.length}`;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (/^[1-9]$/.test(event.key) && shown[event.key - 1]) toggle(shown[event.key - 1]);
    else if (event.key === "Enter") next();
    else if (event.key === "Backspace") undo();
    else return;
    event.preventDefault();
  });
  by("next").addEventListener("click", (event) => { event.target.blur(); next(); });
  by("undo").addEventListener("click", undo);
  work.hold(csrf, outbox, () => queue.map((item) => item.item), () => lease, (gone) => {
    queue = queue.filter((item) => shown.includes(item) || !gone.has(item.item)); // a key may be on its way for what is shown
    show();
    more();
  });
  outbox.flush();
  more();
})();
