const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const parse = (text) => { const n = text.match(/[\d.]+/g).map(Number); return { c: n.slice(0, 3), a: n.length > 3 ? n[3] : 1 }; };
const behind = (it) => { for (; it; it = it.parentElement) { const b = parse(getComputedStyle(it).backgroundColor); if (b.a === 1) return b.c; } return [255, 255, 255]; };
const bad = [];
for (const it of document.querySelectorAll("body *")) {
  const own = [...it.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const style = getComputedStyle(it);
  const box = it.getBoundingClientRect();
  if (!own || it.closest("noscript, .unseen, .skip, :disabled") || !box.width || style.visibility === "hidden" || parse(style.color).a === 0) continue;
  const [a, b] = [light(parse(style.color).c), light(behind(it))].sort((x, y) => y - x);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
  if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) bad.push(`${it.tagName}.${it.className}: ${it.textContent.trim().slice(0, 30)} ${style.color}`);
}
return bad;
