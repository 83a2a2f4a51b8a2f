"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const one = (query) => document.querySelector(query);
  const box = one(".cards");
  const cards = all(".video", box);
  const first = new Map(cards.map((card, at) => [card, at]));
  const values = new Map(cards.map((card) => [card, JSON.parse(card.dataset.values)]));
  const better = cards.length ? JSON.parse(cards[0].dataset.better) : {};
  let best = false;

  function sort() {
    const name = one("[data-sort]").value;
    const sign = (better[name] === "less" ? -1 : 1) * (best ? -1 : 1);
    const worth = (card) => values.get(card)[name];
    const order = [...cards].sort((a, b) => {
      if (!name) return (first.get(a) - first.get(b)) * (best ? -1 : 1);
      const [x, y] = [worth(a), worth(b)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined) || first.get(a) - first.get(b);
      return sign * (x - y) || first.get(a) - first.get(b);
    });
    box.append(...order);
  }

  function filter() {
    const words = one("[data-find]").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = (name) => (one(`select[data-${name}]`) || { value: "" }).value;
    const [model, verb] = [chosen("model"), chosen("verb")];
    const fits = (card) => (!model || card.dataset.model === model) && (!verb || card.dataset.verb === verb);
    let shown = 0;
    for (const card of cards) {
      card.hidden = !words.every((word) => card.dataset.found.includes(word)) || !fits(card);
      shown += !card.hidden;
    }
    one(".nothing").hidden = shown > 0;
  }

  function filterRows() {
    const words = one("[data-rows]").value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...one(".all").tBodies[0].rows];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    one(".rowfind output").textContent = words.length ? `${shown} of ${rows.length}` : "";
  }

  function reveal(card) {
    all("[data-find], select[data-model], select[data-verb]").forEach((choice) => { choice.value = ""; });
    filter();
    card.setAttribute("tabindex", "-1");
    card.focus({ preventScroll: true });
  }

  function sortRows(button) {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    const at = [...head.parentElement.children].indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    const numeric = head.hasAttribute("data-number");
    const key = (row) => numeric ? row.cells[at].dataset.v : row.cells[at].textContent;
    all("th", head.parentElement).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => [row, key(row)]);
    rows.sort(([, a], [, b]) => {
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return (numeric ? a - b : a.localeCompare(b)) * (down ? -1 : 1);
    });
    body.append(...rows.map(([row]) => row));
  }

  if (cards.length) {
    one("[data-sort]").addEventListener("change", sort);
    one("[data-find]").addEventListener("input", filter);
    all("select[data-model], select[data-verb]").forEach((choice) => choice.addEventListener("change", filter));
  }

  one("[data-rows]").addEventListener("input", filterRows);

  function play(button, at) {
    const take = button.closest(".take");
    let video = take.querySelector("video");
    if (!video) {
      video = document.createElement("video");
      video.controls = true;
      video.loop = true;
      video.src = button.dataset.play;
      const head = take.querySelector(".head");
      const long = head ? Number(head.parentElement.dataset.length) : 0;
      video.addEventListener("error", () => {
        const note = document.createElement("p");
        note.className = "failed";
        note.textContent = "This browser cannot play it, or the file is not on this machine (open the page as a file).";
        video.replaceWith(note);
      });
      const follow = () => {
        if (head && long > 0) head.style.left = `${Math.min(100, 100 * video.currentTime / long)}%`;
        if (!video.paused) requestAnimationFrame(follow);
      };
      video.addEventListener("play", () => { if (head) head.hidden = false; follow(); });
      video.addEventListener("seeked", follow);
      button.after(video);
    }
    if (at !== undefined) video.currentTime = at;
    if (video.paused || at !== undefined) video.play().catch(() => {}); else video.pause();
  }

  document.addEventListener("click", (event) => {
    const start = event.target.closest("[data-play]");
    if (start) return play(start);
    const moment = event.target.closest("[data-at]");
    const near = moment && moment.closest(".take").querySelector("[data-play]");
    if (near) return play(near, Number(moment.dataset.at));
    const link = event.target.closest(".all a");
    if (link) return reveal(document.getElementById(link.hash.slice(1)));
    const turn = event.target.closest("[data-turn]");
    if (turn && cards.length) {
      best = !best;
      turn.textContent = best ? "best first" : "worst first";
      turn.setAttribute("aria-pressed", String(best));
      return sort();
    }
    const overlays = event.target.closest("[data-overlays]");
    if (overlays) {
      const hidden = document.body.classList.toggle("no-overlays");
      return overlays.setAttribute("aria-pressed", String(!hidden));
    }
    const button = event.target.closest("[data-sortable] th button");
    if (button) return sortRows(button);
  });

})();
