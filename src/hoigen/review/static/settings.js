"use strict";
(() => {
  const form = document.getElementById("keys");
  const words = { " ": "Space", Backspace: "⌫ Backspace", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
  const fields = [...form.querySelectorAll("input")];
  const draw = (field) => { field.value = words[field.dataset.key] || field.dataset.key.toUpperCase(); };
  for (const field of fields) {
    draw(field);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Tab" || event.key === "Escape" || event.key === "Shift" || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      field.dataset.key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      draw(field);
    });
  }
  document.getElementById("plain").addEventListener("click", () => {
    for (const field of fields) { field.dataset.key = field.dataset.plain; draw(field); }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const keys = Object.fromEntries(fields.map((field) => [field.name, field.dataset.key]));
    const response = await fetch(`${document.documentElement.dataset.base}/api/settings`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf": document.querySelector("main").dataset.csrf },
      body: JSON.stringify({ keys, speed: Number(form.elements.speed.value) }),
    }).catch(() => null);
    const result = response ? await response.json() : { error: "The server is not reached." };
    document.getElementById("status").textContent = result.error || "Saved.";
  });
})();
