"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const dialog = document.getElementById("large");
  const large = dialog.querySelector(".large");
  let tiles = [];
  let at = 0;
  let opener = null;

  function show(index) {
    at = (index + tiles.length) % tiles.length;
    const tile = tiles[at];
    const parts = ["strip", "scores"].map((name) => tile.querySelector("." + name).cloneNode(true));
    const strip = document.createElement("div");
    strip.className = "strip";
    strip.append(...parts[0].childNodes);
    large.replaceChildren(strip, tile.querySelector("figcaption").cloneNode(true), parts[1]);
    const talk = tile.querySelector(".talk");
    if (talk) large.append(talk.cloneNode(true));
    large.className = "large " + (tile.closest(".sheet.kept") ? "kept" : "dropped");
    dialog.querySelector(".place").textContent = `${at + 1} of ${tiles.length} shown`;
    const boxes = dialog.querySelector("[data-boxes]");
    boxes.hidden = !strip.querySelector(".box");
    dialog.scrollTop = 0;
  }

  function open(tile) {
    tiles = all(".tile", tile.closest(".tiles"));
    opener = tile.querySelector(".strip");
    show(tiles.indexOf(tile));
    dialog.showModal();
  }

  function toggleBoxes() {
    const hidden = document.body.classList.toggle("no-boxes");
    dialog.querySelector("[data-boxes]").setAttribute("aria-pressed", String(!hidden));
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (target === dialog || target.closest("[data-close]")) return dialog.close();
    const step = target.closest("[data-step]");
    if (step) return show(at + Number(step.dataset.step));
    if (target.closest("[data-boxes]")) return toggleBoxes();
    const strip = target.closest("button.strip");
    if (strip) return open(strip.closest(".tile"));
    const link = target.closest('a[href^="#"]');
    if (link) {
      const place = document.getElementById(link.hash.slice(1));
      const heading = place && place.querySelector("[tabindex='-1']");
      if (heading) setTimeout(() => heading.focus({ preventScroll: true }), 0);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (!dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in keys) { event.preventDefault(); show(at + keys[event.key]); }
    if (event.key === "b") toggleBoxes();
  });
  dialog.addEventListener("close", () => { if (opener) opener.focus({ preventScroll: true }); });

  const links = new Map(all("nav a:not(.brand)").map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const link = links.get(entry.target.id);
      if (!link || !entry.isIntersecting) continue;
      links.forEach((other) => other.removeAttribute("aria-current"));
      link.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  links.forEach((_, id) => { const place = document.getElementById(id); if (place) watcher.observe(place); });
})();
