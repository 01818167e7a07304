"use strict";

// Tables sort by the column whose heading is pressed: numbers as numbers, the rest as text.
const number = (cell) => parseFloat(cell.textContent.replace(/[+<,]/g, ""));

function compare(a, b) {
  const [x, y] = [number(a), number(b)];
  if (Number.isNaN(x) && Number.isNaN(y)) return a.textContent.localeCompare(b.textContent);
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return x - y;
}

function sort(heading) {
  const table = heading.closest("table");
  const column = [...heading.parentNode.children].indexOf(heading);
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (down ? -1 : 1) * compare(a.cells[column], b.cells[column]));
  table.tBodies[0].append(...rows);
}

for (const heading of document.querySelectorAll("table.sortable th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  button.addEventListener("click", () => sort(heading));
  heading.append(button);
}

// A table that is wider than the screen says that it scrolls.
function hint() {
  for (const box of document.querySelectorAll(".scroll")) {
    box.previousElementSibling.hidden = box.scrollWidth <= box.clientWidth;
  }
}

window.addEventListener("resize", hint);
document.addEventListener("toggle", hint, true);
hint();

// Points say their values under the pointer, or where a finger touches them.
const tip = document.getElementById("tip");
let shown = null;

function show(event) {
  const point = event.target.closest ? event.target.closest("[data-tip]") : null;
  if (shown) shown.classList.remove("shown");
  shown = point;
  tip.hidden = point === null;
  if (point === null) return;
  point.classList.add("shown");
  tip.textContent = point.dataset.tip;
  const box = point.getBoundingClientRect();
  const left = Math.min(box.right + 8, window.innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, box.top - tip.offsetHeight - 6)}px`;
}

document.addEventListener("pointerover", show);
document.addEventListener("pointerdown", show);
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true, capture: true });
