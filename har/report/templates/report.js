// Sorts tables and filters mistakes. Everything is on the page without it.
(() => {
  const number = (text) => parseFloat(text.replace("−", "-").replace(/[^\d.eE+-]/g, ""));
  const order = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.localeCompare(b);
    return y - x;
  };

  // A column's name sorts its table: the greatest first, then the least.
  for (const table of document.querySelectorAll("#comparison table, #calibration table, #confusion table")) {
    const [head, ...rows] = table.rows;
    [...head.cells].forEach((th, column) => {
      const button = document.createElement("button");
      button.append(...th.childNodes);
      th.append(button);
      button.addEventListener("click", () => {
        const least = th.getAttribute("aria-sort") === "descending";
        for (const other of head.cells) other.removeAttribute("aria-sort");
        th.setAttribute("aria-sort", least ? "ascending" : "descending");
        const text = (row) => row.cells[column]?.textContent.trim() ?? "";
        const known = rows.filter((r) => /\d|\w/.test(text(r)));
        known.sort((a, b) => (least ? -1 : 1) * order(text(a), text(b)));
        head.parentNode.append(...known, ...rows.filter((r) => !known.includes(r)));
      });
    });
  }

  // Mistakes and points of the map, of one person or of one confused pair.
  for (const filters of document.querySelectorAll(".filters")) {
    const items = [...filters.parentNode.querySelectorAll("[data-person]")];
    const lists = ["person", "activity", "prediction"].map((name) => {
      const values = [...new Set(items.map((item) => item.dataset[name]))];
      values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
      const list = document.createElement("select");
      list.append(new Option(`every ${name}`, ""), ...values.map((v) => new Option(v, v)));
      const label = document.createElement("label");
      label.append(`${name} `, list);
      filters.append(label);
      return [name, list];
    });
    filters.addEventListener("change", () => {
      for (const item of items) {
        const shown = lists.every(([name, list]) => !list.value || list.value === item.dataset[name]);
        item.style.display = shown ? "" : "none";
      }
      for (const list of filters.parentNode.querySelectorAll(".gallery")) {
        list.parentNode.hidden = [...list.children].every((item) => item.style.display);
      }
    });
    filters.hidden = false;
  }

  const told = document.querySelector(".told");
  document.querySelector(".map")?.addEventListener("pointerover", (e) => {
    told.textContent = e.target.querySelector?.("title")?.textContent ?? told.textContent;
  });
})();
