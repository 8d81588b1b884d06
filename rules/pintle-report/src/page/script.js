"use strict";
(() => {
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const UNITS = ["B", "KiB", "MiB", "GiB"];
const size = n => {
  let u = 0;
  while (n >= 1024 && u < 3) { n /= 1024; u++; }
  return (u && n < 100 ? n.toFixed(1) : Math.round(n)) + " " + UNITS[u];
};

// Nodes: {name, size, files, kids (largest first), origin, up}. A folder's origin is that of most of its bytes.
const leaf = (name, bytes, origin, files) => ({name, size: bytes, files, kids: null, origin});
const fold = (name, kids) => {
  const by = new Map();
  let bytes = 0, files = 0;
  for (const kid of kids) {
    bytes += kid.size; files += kid.files;
    by.set(kid.origin, (by.get(kid.origin) || 0) + kid.size);
  }
  kids.sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
  let origin = -1, most = -1;
  for (const [key, value] of by) if (value > most) { most = value; origin = key; }
  const node = {name, size: bytes, files, kids, origin};
  for (const kid of kids) kid.up = node;
  return node;
};
// As written: [name, [children]] or [name, bytes, origin, files].
const folder = raw => Array.isArray(raw[1])
  ? fold(raw[0], raw[1].map(folder)) : leaf(raw[0], raw[1], raw[2], raw[3] || 1);
// The same files under the packages that brought them.
const packages = raw => {
  const roots = new Map();
  const walk = (node, path) => {
    for (const kid of node[1]) {
      const name = kid[0];
      if (Array.isArray(kid[1])) { walk(kid, path + "/" + name); continue; }
      let at = roots.get(kid[2]);
      if (!at) roots.set(kid[2], at = {dirs: new Map(), list: []});
      for (const step of path.split("/").slice(1)) {
        let next = at.dirs.get(step);
        if (!next) at.dirs.set(step, next = {dirs: new Map(), list: []});
        at = next;
      }
      at.list.push(leaf(name, kid[1], kid[2], kid[3] || 1));
    }
  };
  walk(raw, "");
  // A folder with one folder in it and nothing else is one step, not two.
  const build = (name, at) => {
    while (!at.list.length && at.dirs.size === 1) {
      const [[step, next]] = at.dirs;
      name += "/" + step; at = next;
    }
    return fold(name, [...at.list, ...[...at.dirs].map(([step, next]) => build(step, next))]);
  };
  return fold("all packages", [...roots].map(([origin, at]) =>
    fold(data.origins[origin], [...at.list, ...[...at.dirs].map(([step, next]) => build("/" + step, next))])));
};

// Squarified treemap (Bruls, Huizing, van Wijk 2000): rectangles [x, y, w, h] in the order of `sizes`, largest first.
const squarify = (sizes, x, y, w, h) => {
  const total = sizes.reduce((a, b) => a + b, 0);
  const out = [];
  if (!(total > 0) || w <= 0 || h <= 0) return out;
  const scale = w * h / total;
  let at = 0;
  while (at < sizes.length && w > 0 && h > 0) {
    const side = Math.min(w, h);
    let end = at, sum = 0, worst = Infinity;
    while (end < sizes.length) {
      const next = sum + sizes[end] * scale;
      const ratio = Math.max(side * side * sizes[at] * scale / (next * next), next * next / (side * side * sizes[end] * scale));
      if (ratio > worst) break;
      worst = ratio; sum = next; end++;
    }
    if (end === at) break;
    const deep = sum / side;
    let along = 0;
    for (let i = at; i < end; i++) {
      const len = sizes[i] * scale / deep;
      out.push(w >= h ? [x, y + along, deep, len] : [x + along, y, len, deep]);
      along += len;
    }
    if (w >= h) { x += deep; w -= deep; } else { y += deep; h -= deep; }
    at = end;
  }
  return out;
};

// The packages with most bytes have a colour each, the same in every view.
const colours = new Map();
const weigh = (node, by) => {
  if (!node.kids) by.set(node.origin, (by.get(node.origin) || 0) + node.size);
  else for (const kid of node.kids) weigh(kid, by);
  return by;
};
const views = {d: folder(data.root)};
const heavy = [...weigh(views.d, new Map())].sort((a, b) => b[1] - a[1]);
heavy.slice(0, 10).forEach(([origin], index) => colours.set(origin, index));
const make = {p: () => packages(data.root), i: () => data.initrd && folder(data.initrd)};
const view = key => views[key] || (views[key] = (make[key] && make[key]()) || views.d);

let key = "d", here = views.d, marked = "";
const path = node => {
  const names = [];
  for (let at = node; at.up; at = at.up) names.unshift(at.name);
  return names;
};
const full = node => key === "p" && path(node).length
  ? path(node).slice(1).join("/") || path(node)[0] : "/" + path(node).join("/");
const find = (root, names) => {
  let at = root;
  for (const name of names) {
    const next = at.kids && at.kids.find(kid => kid.name === name);
    if (!next) break;
    at = next;
  }
  return at.kids ? at : at.up;
};

const map = $("map");
const cells = new Map();
const HEAD = 18, DEEP = 7;
const draw = () => {
  map.textContent = "";
  cells.clear();
  const pieces = document.createDocumentFragment();
  const lay = (node, x, y, w, h, depth) => {
    const kids = node.kids.filter(kid => kid.size > 0);
    const places = squarify(kids.map(kid => kid.size), x, y, w, h);
    places.forEach(([kx, ky, kw, kh], index) => {
      if (kw < 2 || kh < 2) return;
      const kid = kids[index];
      const cell = document.createElement("button");
      const open = kid.kids && kw > 70 && kh > 54 && depth < DEEP;
      cell.className = "cell" + (kid.kids ? " dir" : "") + (open ? " open" : colours.has(kid.origin) ? " k" + colours.get(kid.origin) : "");
      cell.style.cssText = `left:${kx}px;top:${ky}px;width:${kw - 1.5}px;height:${kh - 1.5}px`;
      cell.tabIndex = -1;
      cell.setAttribute("aria-label", `${kid.name}, ${size(kid.size)}${kid.kids ? `, ${kid.files} files` : ""}`);
      if (marked && kid.name.toLowerCase().includes(marked)) cell.classList.add("hit");
      if (kw > 34 && kh > 15) {
        const label = document.createElement("span");
        label.textContent = kid.name;
        if (kw > 110) {
          const amount = document.createElement("em");
          amount.textContent = size(kid.size);
          label.append(amount);
        }
        cell.append(label);
      }
      cells.set(cell, kid);
      pieces.append(cell);
      if (open) lay(kid, kx + 2, ky + HEAD, kw - 5.5, kh - HEAD - 3.5, depth + 1);
    });
  };
  lay(here, 0, 0, map.clientWidth, map.clientHeight, 0);
  map.append(pieces);
  map.classList.toggle("finding", marked !== "");
  const first = map.querySelector(".cell");
  if (first) first.tabIndex = 0;
};

const crumbs = () => {
  const box = $("crumbs");
  box.textContent = "";
  const chain = [];
  for (let at = here; at; at = at.up) chain.unshift(at);
  chain.forEach((node, index) => {
    if (index) { const sign = document.createElement("i"); sign.textContent = "›"; box.append(sign); }
    const step = document.createElement("button");
    step.textContent = node.up ? node.name : key === "p" ? "all packages" : key === "i" ? "initrd" : "/";
    step.onclick = () => go(key, node);
    box.append(step);
  });
  const total = document.createElement("i");
  total.textContent = ` ${size(here.size)} in ${here.files.toLocaleString("en")} files`;
  box.append(total);
};

const ROWS = 200;
const table = () => {
  const body = $("maptable").tBodies[0];
  body.textContent = "";
  const row = (cellsOf, node) => {
    const tr = body.insertRow();
    cellsOf.forEach((text, index) => {
      const td = tr.insertCell();
      if (index) { td.className = "n"; td.textContent = text; return; }
      if (!node || !node.kids) { td.textContent = text; return; }
      const into = document.createElement("button");
      into.textContent = text;
      into.onclick = () => go(key, node);
      td.append(into);
    });
  };
  for (const kid of here.kids.slice(0, ROWS))
    row([kid.name, size(kid.size), (100 * kid.size / (here.size || 1)).toFixed(1) + " %", kid.files], kid);
  if (here.kids.length > ROWS) row([`… and ${here.kids.length - ROWS} smaller ones`, "", "", ""]);
};

const legend = () => {
  const box = $("legend");
  box.textContent = "";
  const by = [...weigh(here, new Map())].sort((a, b) => b[1] - a[1]);
  let rest = 0;
  for (const [origin, bytes] of by) {
    if (!colours.has(origin)) { rest += bytes; continue; }
    const item = document.createElement("span"), spot = document.createElement("i");
    spot.className = "k" + colours.get(origin);
    item.append(spot, `${data.origins[origin]} ${size(bytes)}`);
    box.append(item);
  }
  if (rest) {
    const item = document.createElement("span"), spot = document.createElement("i");
    spot.style.background = "var(--cell)";
    item.append(spot, `others ${size(rest)}`);
    box.append(item);
  }
};

const show = () => {
  for (const tab of document.querySelectorAll(".tabs button")) tab.setAttribute("aria-selected", tab.dataset.view === key);
  crumbs(); draw(); legend(); table();
};
const address = () => `#${key}/` + path(here).map(encodeURIComponent).join("/");
const go = (to, node) => {
  key = to;
  here = node.kids ? node : node.up;
  history.pushState(null, "", address());
  show();
};
const read = () => {
  const [, to, names] = location.hash.match(/^#([dpi])\/(.*)$/) || [];
  if (!to) return false;
  key = to;
  here = find(view(to), names ? names.split("/").map(decodeURIComponent) : []);
  return true;
};

map.addEventListener("click", event => {
  const node = cells.get(event.target.closest(".cell"));
  if (node && node.kids) go(key, node);
});
map.addEventListener("keydown", event => {
  const at = document.activeElement, node = cells.get(at);
  if (!node) return;
  if (event.key === "Backspace" || event.key === "Escape") {
    if (here.up) { go(key, here.up); map.querySelector(".cell")?.focus(); event.preventDefault(); }
    return;
  }
  if (event.key === "Enter" || event.key === " ") {
    if (node.kids) { go(key, node); map.querySelector(".cell")?.focus(); }
    event.preventDefault();
    return;
  }
  const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (!way) return;
  event.preventDefault();
  const box = at.getBoundingClientRect();
  const middle = [box.left + Math.min(box.width / 2, 40), box.top + Math.min(box.height / 2, 9)];
  let best = null, least = Infinity;
  for (const cell of cells.keys()) {
    if (cell === at) continue;
    const other = cell.getBoundingClientRect();
    const dx = other.left + Math.min(other.width / 2, 40) - middle[0], dy = other.top + Math.min(other.height / 2, 9) - middle[1];
    const ahead = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    if (ahead > 1 && ahead + 2 * aside < least) { least = ahead + 2 * aside; best = cell; }
  }
  if (best) { at.tabIndex = -1; best.tabIndex = 0; best.focus(); }
});
const tip = $("tip");
map.addEventListener("mousemove", event => {
  const node = cells.get(event.target.closest(".cell"));
  tip.hidden = !node;
  if (!node) return;
  tip.textContent = `${full(node)}\n${size(node.size)}${node.files > 1 ? ` in ${node.files.toLocaleString("en")} files` : ""} · ${data.origins[node.origin] || ""}`;
  tip.style.whiteSpace = "pre-line";
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8) + "px";
});
map.addEventListener("mouseleave", () => { tip.hidden = true; });
for (const tab of document.querySelectorAll(".tabs button"))
  tab.onclick = () => go(tab.dataset.view, view(tab.dataset.view));
$("find").oninput = event => { marked = event.target.value.trim().toLowerCase(); draw(); };
addEventListener("popstate", () => { if (read()) show(); });
addEventListener("hashchange", () => { if (read()) { show(); $("space").scrollIntoView(); } });
let wait = 0;
new ResizeObserver(() => { cancelAnimationFrame(wait); wait = requestAnimationFrame(draw); }).observe(map);
addEventListener("beforeprint", () => { $("tablebox").open = true; });

// Tables: filter, chips, order.
const rows = id => [...$(id).tBodies[0].rows];
const apply = id => {
  const text = document.querySelector(`.filter[data-for=${id}]`).value.trim().toLowerCase();
  const chip = document.querySelector(`.chips[data-for=${id}] [aria-pressed=true]`)?.dataset.chip;
  for (const row of rows(id))
    row.hidden = !(row.textContent.toLowerCase().includes(text) && (!chip || chip === "all" || row.dataset.chips.split(" ").includes(chip)));
};
for (const input of document.querySelectorAll(".filter")) input.oninput = () => apply(input.dataset.for);
for (const chips of document.querySelectorAll(".chips")) chips.onclick = event => {
  const chosen = event.target.closest("button");
  if (!chosen) return;
  for (const chip of chips.children) chip.setAttribute("aria-pressed", chip === chosen);
  apply(chips.dataset.for);
};
for (const head of document.querySelectorAll(".sortable th")) {
  head.tabIndex = 0;
  const order = () => {
    const body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.classList.contains("n");
    const value = row => { const cell = row.cells[head.cellIndex]; return cell.dataset.n ? +cell.dataset.n : cell.textContent; };
    const sorted = [...body.rows].sort((a, b) => {
      const x = value(a), y = value(b);
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    });
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...sorted);
  };
  head.onclick = order;
  head.onkeydown = event => { if (event.key === "Enter") order(); };
}
apply("unittable");
read();
show();
// For the page's own tests.
window.report = {squarify, folder, fold, size};
})();
