// Pages work without this. It adds: what another service knows beside an issue (htmx), buttons that print, and keys, which can be turned off.
const sheet = document.getElementById("keys");
const using = document.getElementById("keys-on");
const OFF = "huiyin-keys-off";
if (using) {
  using.checked = !localStorage.getItem(OFF);
  using.addEventListener("change", () => (using.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "yes")));
}
document.addEventListener("click", (event) => {
  if (sheet && event.target.closest("[data-sheet]")) {
    sheet.showModal();
    event.preventDefault();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (localStorage.getItem(OFF)) return;
  if (event.key === "?") return sheet?.showModal();
  const links = [...document.querySelectorAll("tbody td a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "j") links[Math.min(at + 1, links.length - 1)]?.focus();
  else if (event.key === "k") links[Math.max(at - 1, 0)]?.focus();
  else if (event.key === "x") links[at]?.closest("tr").querySelector("input[type=checkbox]")?.click();
  else if (event.key === "/") {
    document.querySelector("input[type=search]")?.focus();
    event.preventDefault();
  } else if (/^[a-z]$/.test(event.key)) document.querySelector(`[data-key="${event.key}"]`)?.click();
});
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
